package apus.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** Why a function cannot be called, in AWS's words. */
final class Fault extends Exception {
    private static final long serialVersionUID = 1;

    /** What the platform is told of faults. */
    static final String TYPE = "Runtime.BadFunctionCode";

    private static final String OWN = Fault.class.getPackageName() + ".";

    /** The class of what was thrown, for the client; null when nothing was. */
    final String errorType;

    /** The environment is of no use; else the next event finds the same fault. */
    final boolean isFatal;

    private Fault(String message, Throwable cause, boolean isFatal) {
        super(message, cause, false, false);
        errorType = cause == null ? null : cause.getClass().getName();
        this.isFatal = isFatal;
    }

    static Fault of(String message) {
        return new Fault(message, null, false);
    }

    static Fault of(String message, Throwable cause) {
        return new Fault(message, cause, false);
    }

    static Fault fatal(String message, Throwable cause) {
        return new Fault(message, cause, true);
    }

    /** For the log. */
    String report() {
        return errorType == null ? getMessage() + "\n" : getMessage() + ": " + errorType + "\n" + trace(getCause()) + "\n";
    }

    /** What was thrown, for the log. */
    static String describe(Throwable problem) {
        return message(problem) + ": " + problem.getClass().getName() + "\n" + trace(problem) + "\n";
    }

    static String message(Throwable problem) {
        String message = problem.getLocalizedMessage();
        return message == null ? problem.getClass().getName() : message;
    }

    private static String trace(Throwable problem) {
        StringWriter text = new StringWriter();
        trim(problem).printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    /** Cuts the stack off where it reaches the runtime: what is below is none of the function's. */
    static <T extends Throwable> T trim(T problem) {
        trim(problem, Collections.newSetFromMap(new IdentityHashMap<>()));
        return problem;
    }

    private static void trim(Throwable problem, Set<Throwable> seen) {
        if (problem == null || !seen.add(problem)) return;
        StackTraceElement[] frames = problem.getStackTrace();
        for (int index = 0; index < frames.length; index++) {
            if (frames[index].getClassName().startsWith(OWN)) {
                problem.setStackTrace(Arrays.copyOf(frames, index));
                break;
            }
        }
        trim(problem.getCause(), seen);
        for (Throwable suppressed : problem.getSuppressed()) trim(suppressed, seen);
    }
}
