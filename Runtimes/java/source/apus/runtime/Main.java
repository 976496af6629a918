package apus.runtime;

import java.util.Map;

/** Entry point of the Java runtimes. With the argument {@code cell} it waits to be told which function it is. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        boolean isCell = arguments.length > 0 && arguments[0].equals("cell");
        if (isCell) Cell.becomeEnvironment();
        String descriptor = Native.take("_LAMBDA_TELEMETRY_LOG_FD");
        Map<String, String> variables = System.getenv();
        System.exit(new Environment(variables, isCell, Log.open(variables, Log.frames(descriptor))).run());
    }
}
