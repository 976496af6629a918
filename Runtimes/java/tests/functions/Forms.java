import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/** Every form that a handler may have. */
public class Forms {
    public static class Text implements RequestHandler<String, String> {
        public String handleRequest(String input, Context context) {
            return input + "!";
        }
    }

    public static class Whole implements RequestHandler<Integer, Integer> {
        public Integer handleRequest(Integer input, Context context) {
            return input == null ? null : input + 1;
        }
    }

    public static class Nothing implements RequestHandler<Map<String, Object>, Void> {
        public Void handleRequest(Map<String, Object> input, Context context) {
            return null;
        }
    }

    public static class Point {
        private int x;
        public Integer y;

        public int getX() {
            return x;
        }

        public void setX(int x) {
            this.x = x;
        }
    }

    public static class Points implements RequestHandler<List<Point>, Map<String, Point>> {
        public Map<String, Point> handleRequest(List<Point> input, Context context) {
            return Map.of("last", input.get(input.size() - 1));
        }
    }

    public record Pair<T>(T left, List<T> right) {}

    abstract static class Base<A, B> implements RequestHandler<Pair<B>, A> {}

    /** What it is asked for stands in the superclass. */
    public static class Inherited extends Base<String, Long> {
        public String handleRequest(Pair<Long> input, Context context) {
            Long sum = input.left();
            for (Long each : input.right()) sum += each;
            return String.valueOf(sum);
        }
    }

    public static class Bytes implements RequestStreamHandler {
        public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
            output.write('[');
            input.transferTo(output);
            output.write(']');
        }
    }

    public String none() {
        return "none";
    }

    public String onlyContext(Context context) {
        return context.getFunctionName();
    }

    public static int fixed(int[] numbers) {
        return numbers.length;
    }

    public void nothing(String text) {}

    public void in(InputStream input) throws IOException {
        System.out.println(new String(input.readAllBytes()));
    }

    public void out(OutputStream output, Context context) throws IOException {
        output.write('1');
    }

    public void both(InputStream input, OutputStream output) throws IOException {
        input.transferTo(output);
    }

    // The longest is taken, and a context counts twice.

    public String overloaded(String text) {
        return "one";
    }

    public String overloaded(Context context) {
        return "context";
    }

    public String overloaded(String text, Context context) {
        return "two";
    }

    public String overloaded(String text, int number, Context context, int other) {
        return "four";
    }

    public String closer(String text) {
        return "text";
    }

    public String closer(Context context) {
        return "context";
    }

    public String wrong(String text, String other) {
        return "never";
    }

    private String hidden(String text) {
        return "never";
    }

    public class Inner implements RequestHandler<String, String> {
        public String handleRequest(String input, Context context) {
            return input;
        }
    }

    public static class Unmade implements RequestHandler<String, String> {
        private Unmade() {}

        public String handleRequest(String input, Context context) {
            return input;
        }
    }

    @SuppressWarnings("rawtypes")
    public static class Raw implements RequestHandler {
        public Object handleRequest(Object input, Context context) {
            return input;
        }
    }

    public static class Open<T> implements RequestHandler<T, String> {
        public String handleRequest(T input, Context context) {
            return "never";
        }
    }
}
