package apus.runtime.json;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.util.Iterator;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Writes objects as JSON. Properties that are null are left out; null in maps and lists stays. */
public final class JsonWriter {
    private final StringBuilder text = new StringBuilder();
    private int depth;

    private JsonWriter() {}

    /** @throws JsonException when a getter fails, or the value contains itself */
    public static String write(Object value) throws JsonException {
        JsonWriter writer = new JsonWriter();
        writer.value(value);
        return writer.text.toString();
    }

    private void value(Object value) throws JsonException {
        if (value == null || value instanceof Boolean) text.append(value);
        else if (value instanceof CharSequence || value instanceof Character) string(value.toString());
        else if (value instanceof Number) number(value);
        else if (value instanceof Enum<?> constant) string(constant.name());
        else if (value instanceof Map<?, ?> map) map(map);
        else if (value.getClass().getName().startsWith("java.util.Optional")) value(content(value));
        else other(value);
    }

    private void other(Object value) throws JsonException {
        Object scalar = Scalars.written(value);
        if (scalar != null) value(scalar);
        else if (value instanceof Iterable<?> items) items(items.iterator());
        else if (value instanceof Iterator<?> items) items(items);
        else if (value instanceof char[] characters) string(new String(characters));
        else if (value.getClass().isArray()) array(value);
        else bean(value);
    }

    private static Object content(Object optional) {
        if (optional instanceof OptionalInt number) return number.isPresent() ? number.getAsInt() : null;
        if (optional instanceof OptionalLong number) return number.isPresent() ? number.getAsLong() : null;
        if (optional instanceof OptionalDouble number) return number.isPresent() ? number.getAsDouble() : null;
        return ((Optional<?>) optional).orElse(null);
    }

    private void number(Object number) {
        String digits = number.toString();
        char last = digits.charAt(digits.length() - 1);
        // Infinity and NaN are no numbers in JSON.
        if (last == 'y' || last == 'N') string(digits);
        else text.append(digits);
    }

    private void enter(char bracket) throws JsonException {
        if (++depth > JsonParser.DEPTH) throw JsonParser.tooDeep(depth);
        text.append(bracket);
    }

    private void leave(char bracket) {
        depth--;
        text.append(bracket);
    }

    private void map(Map<?, ?> map) throws JsonException {
        enter('{');
        boolean isFirst = true;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (!isFirst) text.append(',');
            isFirst = false;
            Object key = entry.getKey();
            if (key == null) throw new JsonException("Null key for a Map not allowed in JSON");
            string(key instanceof Enum<?> constant ? constant.name() : key.toString());
            text.append(':');
            value(entry.getValue());
        }
        leave('}');
    }

    private void items(Iterator<?> items) throws JsonException {
        enter('[');
        while (items.hasNext()) {
            value(items.next());
            if (items.hasNext()) text.append(',');
        }
        leave(']');
    }

    private void array(Object array) throws JsonException {
        enter('[');
        for (int index = 0; index < Array.getLength(array); index++) {
            if (index > 0) text.append(',');
            value(Array.get(array, index));
        }
        leave(']');
    }

    private void bean(Object bean) throws JsonException {
        enter('{');
        boolean isFirst = true;
        for (Bean.Property property : Bean.of(bean.getClass()).properties()) {
            if (!property.isWritten()) continue;
            Object value = get(property, bean);
            if (value == null) continue;
            if (!isFirst) text.append(',');
            isFirst = false;
            string(property.name);
            text.append(':');
            value(value);
        }
        leave('}');
    }

    private static Object get(Bean.Property property, Object bean) throws JsonException {
        Throwable cause;
        try {
            return property.get(bean);
        } catch (InvocationTargetException problem) {
            cause = problem.getCause();
        } catch (ReflectiveOperationException problem) {
            cause = problem;
        }
        JsonException failure = new JsonException((cause.getMessage() == null ? cause.getClass().getName() : cause.getMessage())
                + " (through " + bean.getClass().getName() + "[\"" + property.name + "\"])");
        failure.initCause(cause);
        throw failure;
    }

    private void string(String string) {
        text.append('"');
        for (int index = 0; index < string.length(); index++) {
            char c = string.charAt(index);
            if (c == '"' || c == '\\') text.append('\\').append(c);
            else if (c >= ' ') text.append(c);
            else control(c);
        }
        text.append('"');
    }

    private void control(char c) {
        int index = "\b\t\n\f\r".indexOf(c);
        if (index >= 0) text.append('\\').append("btnfr".charAt(index));
        else text.append(c < 16 ? "\\u000" : "\\u00").append(Integer.toHexString(c).toUpperCase(Locale.ROOT));
    }
}
