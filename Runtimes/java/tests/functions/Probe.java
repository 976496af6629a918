import apus.runtime.json.JsonBinder;
import apus.runtime.json.JsonParser;
import apus.runtime.json.JsonWriter;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import java.io.IOException;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Date;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;

/** Binds JSON to the type of one of its fields, and writes what it got. */
public class Probe {
    public enum Color { RED, GREEN }

    public static class Bean {
        private String name = "unset";
        private boolean active;
        private Bean child;
        private String secret = "private";
        protected int count;
        public transient int skipped = 1;
        public final String URL = "final";

        public String getName() {
            return name;
        }

        public Bean setName(String name) {
            this.name = name;
            return this;
        }

        public boolean isActive() {
            return active;
        }

        void setActive(boolean active) {
            this.active = active;
        }

        public Bean getChild() {
            return child;
        }

        public void setChild(Bean child) {
            this.child = child;
        }

        public String getURLAgain() {
            return "again";
        }

        public void setCount(int count) {
            this.count = count;
        }

        public int getCount() {
            return count;
        }

        public String get() {
            return "no property";
        }

        public static String getStatic() {
            return "no property";
        }
    }

    public static class Sub extends Bean {
        public List<Color> colors;

        @Override
        public String getName() {
            return "sub " + super.getName();
        }
    }

    public record Shape(String kind, double area, List<Sub> parts) {}

    public static class Box<T> {
        public T content;
        public List<Map<String, T>> more;
    }

    public static class NoDefault {
        public NoDefault(String text) {}
    }

    public abstract static class Abstract {}

    static class Texts extends ArrayList<String> {}

    Object any;
    int integer;
    Integer boxed;
    long big;
    short small;
    byte tiny;
    double real;
    float narrow;
    boolean flag;
    char letter;
    String text;
    Color color;
    BigDecimal decimal;
    BigInteger huge;
    Number number;
    byte[] bytes;
    ByteBuffer buffer;
    int[] ints;
    int[][] matrix;
    List<Integer> list;
    List<?> wild;
    Texts texts;
    Set<String> set;
    Deque<String> deque;
    Map<Color, List<Integer>> byColor;
    EnumMap<Color, Integer> enumMap;
    SortedMap<Integer, String> sorted;
    Optional<Bean> optional;
    OptionalInt optionalInt;
    Bean bean;
    Sub sub;
    Shape shape;
    Box<Shape> box;
    List<Shape>[] arrays;
    NoDefault noDefault;
    Abstract abstracted;
    Date date;
    Instant instant;
    LocalDate day;
    LocalDateTime moment;
    OffsetDateTime offset;
    Duration duration;
    UUID uuid;
    URI uri;
    SQSEvent event;
    Void nothing;

    public String bind(Map<String, String> input) throws ReflectiveOperationException {
        try {
            Type type = Probe.class.getDeclaredField(input.get("as")).getGenericType();
            return JsonWriter.write(JsonBinder.bind(JsonParser.parse(input.get("json")), type));
        } catch (IOException problem) {
            return "! " + problem.getMessage();
        }
    }
}
