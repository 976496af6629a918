package apus.runtime;

import java.nio.charset.StandardCharsets;
import java.util.TimeZone;

/**
 * Waiting ahead of demand: one message on descriptor 4 makes the process a function's environment
 * (docs/decisions/0006-cells-and-forks.md).
 *
 * <p>The JDK copies the environment variables when they are first asked for, so nothing may ask for them before the message is
 * there.
 */
final class Cell {
    private static final int CHANNEL = 4;
    private static final int LONGEST = 1 << 18;

    private Cell() {}

    /** Returns in the state in which a direct launch begins; ends the process when the channel is closed. */
    static void becomeEnvironment() {
        if (!Native.isLoaded()) end("no native library: it has to be made where there is a C compiler");
        Rehearsal.run(Native.HOME);
        byte[] message = Native.receive(CHANNEL, LONGEST);
        if (message.length == 0) System.exit(0);
        if (message.length >= LONGEST) end("a message that is too long");
        if (message[0] != 'S') {
            end("a message that it does not understand: " + new String(message, 0, 1, StandardCharsets.ISO_8859_1));
        }
        if (!isEnvironment(message)) end("variables that it does not understand");
        Native.become(message, CHANNEL, System.getProperty("user.dir").getBytes(StandardCharsets.UTF_8));
        // What functions can see of the command line is that of a direct launch.
        System.setProperty("sun.java.command", Main.class.getName());
        // The zone may have been asked for by now.
        System.clearProperty("user.timezone");
        TimeZone.setDefault(null);
    }

    /** Whether entries follow that have a name and an equals sign, each ended by a NUL. */
    private static boolean isEnvironment(byte[] message) {
        int start = 1, equals = -1;
        for (int index = 1; index < message.length; index++) {
            if (message[index] == '=' && equals < start) equals = index;
            if (message[index] != 0) continue;
            if (equals <= start) return false;
            start = index + 1;
        }
        return start == message.length;
    }

    private static void end(String problem) {
        System.err.println("runtime cell: " + problem);
        System.exit(1);
    }
}
