package suite;

/** Cannot be loaded. */
public class Static {
    static final int LENGTH = text().length();

    private static String text() {
        throw new IllegalStateException("no luck");
    }
}
