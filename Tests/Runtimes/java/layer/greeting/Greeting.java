package greeting;

/** Comes with the layer. */
public class Greeting {
    public static final String TEXT = String.join(" ", "from", "the", "layer");
}
