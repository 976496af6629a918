package apus.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.util.Map;
import org.crac.Core;

/** One function, from its class to its last event. */
final class Environment {
    /** What a handler threw. */
    private static final String BY_USER = "Runtime.UserException";

    private static final String TRACE_PROPERTY = "com.amazonaws.xray.traceHeader";

    private final Map<String, String> variables;
    private final boolean isFromCell;
    private final Log log;
    private final RuntimeApi api;

    Environment(Map<String, String> variables, boolean isFromCell, Log log) {
        this.variables = variables;
        this.isFromCell = isFromCell;
        this.log = log;
        api = new RuntimeApi(variables.get("AWS_LAMBDA_RUNTIME_API"));
    }

    /** @return the exit status, when the platform has gone or nothing more may run here */
    int run() {
        try {
            Handler handler;
            try {
                handler = load();
            } catch (Fault fault) {
                if (fault.isFatal) {
                    log.error(fault.report());
                    api.failInit(ErrorBody.of(fault), Fault.TYPE);
                    return 1;
                }
                // The client of each event is told.
                handler = (event, output, context) -> {
                    throw fault;
                };
            }
            if ("snap-start".equals(variables.get("AWS_LAMBDA_INITIALIZATION_TYPE")) && !isFromCell) takeSnapshot();
            return serve(handler);
        } catch (IOException problem) {
            return 1;
        }
    }

    private Handler load() throws Fault {
        FunctionLoader loader = FunctionLoader.of(variables.getOrDefault("LAMBDA_TASK_ROOT", "/var/task"),
                variables.getOrDefault("_APUS_LAYER_ROOT", "/opt"));
        Thread.currentThread().setContextClassLoader(loader);
        return HandlerFinder.find(variables.getOrDefault("_HANDLER", ""), loader);
    }

    private int serve(Handler handler) throws IOException {
        FunctionFacts facts = new FunctionFacts(variables);
        ByteArrayOutputStream output = new ByteArrayOutputStream(1024);
        while (true) {
            Invocation invocation = api.next();
            if (invocation.traceId() != null) System.setProperty(TRACE_PROPERTY, invocation.traceId());
            else System.clearProperty(TRACE_PROPERTY);
            output.reset();
            try {
                InvocationContext context = new InvocationContext(invocation, facts, log);
                log.begin(context);
                Log4jContext.put(context);
                handler.handle(invocation.event(), output, context);
            } catch (Throwable problem) {
                Fault.trim(problem);
                log.error(problem instanceof Fault fault ? fault.report() : Fault.describe(problem));
                String type = problem instanceof Fault ? Fault.TYPE : BY_USER;
                // A virtual machine that is out of memory or of stack cannot be trusted with another event.
                boolean isOver = problem instanceof VirtualMachineError || problem instanceof IOError;
                api.fail(invocation.id(), ErrorBody.of(problem), type, ErrorBody.cause(problem), isOver);
                if (isOver) return 1;
                continue;
            }
            Thread.interrupted();
            api.respond(invocation.id(), output.toByteArray());
        }
    }

    /** Runs the hooks around a snapshot of this process, which goes on in place when it is restored. */
    private void takeSnapshot() throws IOException {
        try {
            Core.getGlobalContext().beforeCheckpoint(null);
        } catch (Exception problem) {
            log.error(Fault.describe(Fault.trim(problem)));
            api.failInit(ErrorBody.of(problem), "Runtime.BeforeCheckpointError");
            System.exit(64);
        }
        api.awaitRestore();
        try {
            Core.getGlobalContext().afterRestore(null);
        } catch (Exception problem) {
            log.error(Fault.describe(Fault.trim(problem)));
            api.failRestore(ErrorBody.of(problem), "Runtime.AfterRestoreError");
            System.exit(64);
        }
    }
}
