package apus.runtime.json;

import java.math.BigDecimal;
import java.math.BigInteger;

/** A number as it was written, until it is known what it is to become. */
record Numeral(String text) {
    private boolean isInteger() {
        for (int index = 0; index < text.length(); index++) {
            char c = text.charAt(index);
            if (c == '.' || c == 'e' || c == 'E') return false;
        }
        return true;
    }

    /** The smallest of Integer, Long and BigInteger that holds it, or a Double. */
    Number plain() {
        if (!isInteger()) return Double.valueOf(text);
        if (text.length() < 19) {
            long value = Long.parseLong(text);
            if (value == (int) value) return (int) value;
            return value;
        }
        BigInteger value = new BigInteger(text);
        return value.bitLength() < 64 ? (Number) value.longValue() : value;
    }

    /**
     * The value as a whole number, its fraction dropped.
     *
     * @throws JsonException when it is not within the limits
     */
    long within(long least, long most, Class<?> type) throws JsonException {
        if (text.length() < 19 && isInteger()) {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) return value;
        } else {
            BigDecimal exact = new BigDecimal(text);
            // What has more digits than this is out of range, and would take for ever to be written out.
            if (exact.precision() - (long) exact.scale() < 20) {
                BigInteger value = exact.toBigInteger();
                if (value.bitLength() < 64 && value.longValue() >= least && value.longValue() <= most) return value.longValue();
            }
        }
        throw new JsonException("Numeric value (" + text + ") out of range of " + type.getName());
    }

    @Override
    public String toString() {
        return text;
    }
}
