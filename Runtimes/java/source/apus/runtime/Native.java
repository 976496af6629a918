package apus.runtime;

import java.nio.charset.StandardCharsets;

/**
 * What Java cannot do: it can neither change environment variables nor the working directory, nor read a socket by its number.
 *
 * <p>The library is made where there is a C compiler. Without it there are no cells.
 */
final class Native {
    /** The folder of the runtime's own files, ending with a slash. */
    static final String HOME = folder(System.getProperty("java.class.path"));

    private static final boolean IS_LOADED = load();

    private Native() {}

    private static String folder(String path) {
        return path.substring(0, path.lastIndexOf('/') + 1);
    }

    private static boolean load() {
        try {
            System.load(HOME + "libnative.so");
            return true;
        } catch (UnsatisfiedLinkError problem) {
            return false;
        }
    }

    static boolean isLoaded() {
        return IS_LOADED;
    }

    /** One packet, blocking; empty when the channel is closed, as long as {@code longest} when there is more of it. */
    static native byte[] receive(int channel, int longest);

    /** Makes the entries after the first byte the only variables, closes the channel and enters the directory, if there is one. */
    static native void become(byte[] message, int channel, byte[] directory);

    /**
     * The value of a variable, or null; functions do not find it if Java has not been asked for variables before, and the library
     * is there.
     */
    static String take(String name) {
        if (!IS_LOADED) return System.getenv(name);
        byte[] value = take(name.getBytes(StandardCharsets.UTF_8));
        return value == null ? null : new String(value, StandardCharsets.UTF_8);
    }

    private static native byte[] take(byte[] name);
}
