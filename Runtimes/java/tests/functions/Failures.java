import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** Ways to fail. */
public class Failures implements RequestHandler<String, Object> {
    private static int calls;

    public Object handleRequest(String kind, Context context) {
        calls++;
        switch (kind) {
            case "calls": return calls;
            case "cause": throw new IllegalStateException("outer", new RuntimeException("inner"));
            case "none": throw new IllegalStateException();
            case "circle": throw circle();
            case "error": throw new AssertionError("checked");
            case "deep": return deep(1);
            case "heap": return new long[Integer.MAX_VALUE - 8];
            case "getter": return new Object() {
                public String getText() {
                    throw new UnsupportedOperationException("not now");
                }
            };
            case "itself": Map<String, Object> map = new java.util.HashMap<>(); map.put("map", map); return map;
            case "interrupt": Thread.currentThread().interrupt(); return Thread.interrupted();
            case "interrupted": Thread.currentThread().interrupt(); return "left so";
            case "exit": System.exit(7); return null;
            default: throw new IllegalArgumentException(kind);
        }
    }

    private static RuntimeException circle() {
        RuntimeException first = new RuntimeException("first"), second = new RuntimeException("second", first);
        first.initCause(second);
        return first;
    }

    private static int deep(int level) {
        return deep(level + 1) + 1;
    }
}
