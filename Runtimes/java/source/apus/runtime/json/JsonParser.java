package apus.runtime.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns text into a tree of {@code Map}, {@code List}, {@code String}, {@link Numeral}, {@code Boolean} and null.
 *
 * <p>Strict, as the platform lets only JSON pass, but for control characters in strings, which AWS's runtime allows.
 */
public final class JsonParser {
    /** As deep as values may be nested; the stack has to hold it. */
    static final int DEPTH = 1000;

    private final String text;
    private int position;
    private int depth;

    private JsonParser(String text) {
        this.text = text;
    }

    /** @throws JsonException when the text is not exactly one value */
    public static Object parse(String text) throws JsonException {
        JsonParser parser = new JsonParser(text);
        if (parser.skipSpace() == END) throw new JsonException("No content to map due to end-of-input");
        Object value = parser.value();
        if (parser.skipSpace() != END) throw parser.unexpected();
        return value;
    }

    private static final char END = '\uffff';

    private char peek() {
        return position < text.length() ? text.charAt(position) : END;
    }

    private char skipSpace() {
        while (true) {
            char c = peek();
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
            position++;
        }
    }

    private Object value() throws JsonException {
        return switch (skipSpace()) {
            case '{' -> nested(true);
            case '[' -> nested(false);
            case '"' -> string();
            case 't' -> word("true", Boolean.TRUE);
            case 'f' -> word("false", Boolean.FALSE);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Object nested(boolean isObject) throws JsonException {
        if (++depth > DEPTH) throw tooDeep(depth);
        position++;
        Object value = isObject ? object() : array();
        depth--;
        return value;
    }

    static JsonException tooDeep(int depth) {
        return new JsonException("Document nesting depth (" + depth + ") exceeds the maximum allowed (" + DEPTH + ")");
    }

    private Map<String, Object> object() throws JsonException {
        Map<String, Object> object = new LinkedHashMap<>();
        if (skipSpace() == '}') {
            position++;
            return object;
        }
        do {
            if (skipSpace() != '"') throw unexpected();
            String name = string();
            if (skipSpace() != ':') throw unexpected();
            position++;
            object.put(name, value());
        } while (goesOn('}'));
        return object;
    }

    private List<Object> array() throws JsonException {
        List<Object> array = new ArrayList<>();
        if (skipSpace() == ']') {
            position++;
            return array;
        }
        do array.add(value());
        while (goesOn(']'));
        return array;
    }

    private boolean goesOn(char end) throws JsonException {
        char c = skipSpace();
        if (c != ',' && c != end) throw unexpected();
        position++;
        return c == ',';
    }

    private Object word(String word, Object value) throws JsonException {
        if (!text.startsWith(word, position)) throw unexpected();
        position += word.length();
        return value;
    }

    private Numeral number() throws JsonException {
        int start = position;
        if (peek() == '-') position++;
        if (peek() == '0') position++;
        else digits();
        if (peek() == '.') {
            position++;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            position++;
            if (peek() == '+' || peek() == '-') position++;
            digits();
        }
        // Longer ones cost time by the square of their length.
        if (position - start > DEPTH) throw new JsonException("Number length (" + (position - start) + ") exceeds the maximum");
        return new Numeral(text.substring(start, position));
    }

    private void digits() throws JsonException {
        if (peek() < '0' || peek() > '9') throw unexpected();
        while (peek() >= '0' && peek() <= '9') position++;
    }

    private String string() throws JsonException {
        int start = ++position;
        while (peek() != '"' && peek() != '\\' && position < text.length()) position++;
        if (peek() == '"') return text.substring(start, position++);
        StringBuilder string = new StringBuilder(position - start + 16).append(text, start, position);
        while (true) {
            if (position == text.length()) throw new JsonException("Unexpected end-of-input in a string");
            char c = text.charAt(position++);
            if (c == '"') return string.toString();
            string.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() throws JsonException {
        char c = peek();
        if ("\"\\/bfnrtu".indexOf(c) < 0) throw unexpected();
        position++;
        return switch (c) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> c;
        };
    }

    private char unicode() throws JsonException {
        int code = 0;
        for (int count = 0; count < 4; count++) {
            int digit = Character.digit(peek(), 16);
            if (digit < 0) throw unexpected();
            code = code * 16 + digit;
            position++;
        }
        return (char) code;
    }

    private JsonException unexpected() {
        return new JsonException(position < text.length()
                ? "Unexpected character ('" + text.charAt(position) + "') at offset " + position
                : "Unexpected end-of-input");
    }
}
