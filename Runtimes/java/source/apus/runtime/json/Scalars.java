package apus.runtime.json;

import java.io.File;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.Period;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Calendar;
import java.util.Currency;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/** Classes of the JDK whose values are one JSON text or number: what they are made from. */
final class Scalars {
    private static final BigDecimal GIGA = BigDecimal.valueOf(1_000_000_000);

    /** What {@link #read} returns for classes that are none of these. */
    static final Object NONE = new Object();

    private Scalars() {}

    /**
     * @param tree a text, a number, or the list of numbers that dates are written as
     * @param type no primitive type
     */
    static Object read(Object tree, Class<?> type) throws JsonException {
        try {
            if (tree instanceof Numeral) return fromNumber(new BigDecimal(tree.toString()), type);
            if (tree instanceof String text) return fromText(text, type);
            if (tree instanceof List<?> parts && type.getName().startsWith("java.time.Local")) return fromParts(parts, type);
            return NONE;
        } catch (RuntimeException problem) {
            throw new JsonException("Cannot deserialize value of type `" + type.getName() + "` from " + tree + ": "
                    + problem.getMessage());
        }
    }

    private static Object fromNumber(BigDecimal number, Class<?> type) {
        if (type == Date.class) return new Date(number.longValue());
        if (type == Calendar.class || type == GregorianCalendar.class) return calendar(number.longValue());
        if (type == Instant.class) return instant(number);
        if (type == OffsetDateTime.class) return instant(number).atOffset(ZoneOffset.UTC);
        if (type == ZonedDateTime.class) return instant(number).atZone(ZoneOffset.UTC);
        if (type == Duration.class) return Duration.ofSeconds(number.longValue(), nanos(number));
        if (type == LocalDate.class) return LocalDate.ofEpochDay(number.longValueExact());
        return NONE;
    }

    private static Object fromText(String text, Class<?> type) {
        if (type == byte[].class) return Base64.getDecoder().decode(text);
        if (type == ByteBuffer.class) return ByteBuffer.wrap(Base64.getDecoder().decode(text));
        if (type == UUID.class) return UUID.fromString(text);
        if (type == URI.class) return URI.create(text);
        if (type == File.class) return new File(text);
        if (type == Locale.class) return Locale.forLanguageTag(text.replace('_', '-'));
        if (type == Currency.class) return Currency.getInstance(text);
        if (type == Date.class) return Date.from(moment(text));
        if (type == Calendar.class || type == GregorianCalendar.class) return calendar(moment(text).toEpochMilli());
        if (type == Instant.class) return moment(text);
        if (type == OffsetDateTime.class) return OffsetDateTime.parse(text);
        if (type == ZonedDateTime.class) return ZonedDateTime.parse(text);
        if (type == LocalDate.class) return text.length() > 10 ? LocalDateTime.parse(text).toLocalDate() : LocalDate.parse(text);
        if (type == LocalTime.class) return LocalTime.parse(text);
        if (type == LocalDateTime.class) return LocalDateTime.parse(text);
        if (type == Duration.class) return Duration.parse(text);
        if (type == Period.class) return Period.parse(text);
        if (type == ZoneId.class) return ZoneId.of(text);
        if (type.getName().equals("org.joda.time.DateTime")) return joda(text, type);
        return NONE;
    }

    /** The class of dates in AWS's library of events, which the function brings along. */
    private static Object joda(String text, Class<?> type) {
        try {
            return type.getMethod("parse", String.class).invoke(null, text);
        } catch (ReflectiveOperationException problem) {
            throw new IllegalArgumentException(problem);
        }
    }

    private static Object fromParts(List<?> parts, Class<?> type) {
        int[] part = new int[Math.max(7, parts.size())];
        for (int index = 0; index < parts.size(); index++) part[index] = Integer.parseInt(parts.get(index).toString());
        if (type == LocalDate.class) return LocalDate.of(part[0], part[1], part[2]);
        if (type == LocalTime.class) return LocalTime.of(part[0], part[1], part[2], part[3]);
        if (type == LocalDateTime.class) {
            return LocalDateTime.of(part[0], part[1], part[2], part[3], part[4], part[5], part[6]);
        }
        return NONE;
    }

    /** ISO 8601, with an offset or in UTC; a date alone is its beginning. */
    private static Instant moment(String text) {
        if (text.length() == 10) return LocalDate.parse(text).atStartOfDay().toInstant(ZoneOffset.UTC);
        if (text.endsWith("Z")) return Instant.parse(text);
        // The colon of the offset may be missing.
        String full = text.matches(".*[+-]\\d{4}") ? text.substring(0, text.length() - 2) + ":" + text.substring(text.length() - 2)
                : text;
        return full.matches(".*T.*[+-]\\d\\d:\\d\\d") ? OffsetDateTime.parse(full).toInstant()
                : LocalDateTime.parse(full).toInstant(ZoneOffset.UTC);
    }

    private static Calendar calendar(long milliseconds) {
        Calendar calendar = Calendar.getInstance();
        calendar.setTimeInMillis(milliseconds);
        return calendar;
    }

    private static Instant instant(BigDecimal seconds) {
        return Instant.ofEpochSecond(seconds.longValue(), nanos(seconds));
    }

    private static long nanos(BigDecimal seconds) {
        return seconds.remainder(BigDecimal.ONE).multiply(GIGA).longValue();
    }

    /** Null for values that are no scalars; else a {@code Number}, a text, or the list of parts that dates are written as. */
    static Object written(Object value) {
        if (value instanceof byte[] bytes) return Base64.getEncoder().encodeToString(bytes);
        if (value instanceof ByteBuffer buffer) {
            return StandardCharsets.US_ASCII.decode(Base64.getEncoder().encode(buffer.duplicate())).toString();
        }
        if (value instanceof Date date) return date.getTime();
        if (value instanceof Calendar calendar) return calendar.getTimeInMillis();
        if (value instanceof Class<?> type) return type.getName();
        if (value instanceof Locale) return value.toString();
        String name = value.getClass().getName();
        if (name.startsWith("java.time.")) return writtenTime(value);
        boolean isText = value instanceof UUID || value instanceof URI || value instanceof File || value instanceof Currency
                || name.equals("java.net.URL") || value instanceof Path || name.startsWith("org.joda.time.");
        return isText ? value.toString() : null;
    }

    private static Object writtenTime(Object value) {
        if (value instanceof Instant moment) return seconds(moment.getEpochSecond(), moment.getNano());
        if (value instanceof OffsetDateTime moment) return writtenTime(moment.toInstant());
        if (value instanceof ZonedDateTime moment) return writtenTime(moment.toInstant());
        if (value instanceof Duration duration) return seconds(duration.getSeconds(), duration.getNano());
        if (value instanceof LocalDate date) return List.of(date.getYear(), date.getMonthValue(), date.getDayOfMonth());
        if (value instanceof LocalTime time) {
            int hour = time.getHour(), minute = time.getMinute(), second = time.getSecond(), nano = time.getNano();
            if (nano > 0) return List.of(hour, minute, second, nano);
            return second > 0 ? List.of(hour, minute, second) : List.of(hour, minute);
        }
        if (value instanceof LocalDateTime moment) {
            List<Object> parts = new ArrayList<>((List<?>) writtenTime(moment.toLocalDate()));
            parts.addAll((List<?>) writtenTime(moment.toLocalTime()));
            return parts;
        }
        return value.toString();
    }

    private static BigDecimal seconds(long seconds, int nanos) {
        if (seconds == 0 && nanos == 0) return BigDecimal.ZERO.setScale(1);
        return BigDecimal.valueOf(seconds).add(BigDecimal.valueOf(nanos, 9));
    }

    /** Numbers of every class, primitive ones boxed. */
    static Number number(Numeral numeral, Class<?> type) throws JsonException {
        if (type == Integer.class) return (int) numeral.within(Integer.MIN_VALUE, Integer.MAX_VALUE, int.class);
        if (type == Long.class) return numeral.within(Long.MIN_VALUE, Long.MAX_VALUE, long.class);
        if (type == Double.class) return Double.valueOf(numeral.text());
        if (type == Float.class) return Float.valueOf(numeral.text());
        if (type == Short.class) return (short) numeral.within(Short.MIN_VALUE, Short.MAX_VALUE, short.class);
        if (type == Byte.class) return (byte) numeral.within(Byte.MIN_VALUE, 255, byte.class);
        if (type == BigDecimal.class) return new BigDecimal(numeral.text());
        if (type == BigInteger.class) return integer(new BigDecimal(numeral.text()));
        if (type == Number.class) return numeral.plain();
        return null;
    }

    private static BigInteger integer(BigDecimal number) throws JsonException {
        if (number.scale() < -JsonParser.DEPTH) throw new JsonException("Numeric value (" + number + ") has too many digits");
        return number.toBigInteger();
    }
}
