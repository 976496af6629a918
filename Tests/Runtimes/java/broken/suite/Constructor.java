package suite;

/** Cannot be made. */
public class Constructor {
    public Constructor() {
        throw new IllegalStateException("no luck");
    }

    public String handle() {
        return "never";
    }
}
