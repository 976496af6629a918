package apus.runtime.json;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Turns JSON into objects of declared types, as forgiving as AWS's runtime is: properties that a class lacks are ignored, null
 * becomes the zero of a primitive type, texts become numbers and back, a value becomes the array that it is wanted as and an
 * array of one its value, an empty text no object, an unknown name no enum constant.
 */
public final class JsonBinder {
    private JsonBinder() {}

    /** @throws JsonException when the tree does not fit the type */
    public static Object bind(Object tree, Type type) throws JsonException {
        Class<?> raw = Types.raw(type);
        if (raw == Object.class) return plain(tree);
        if (tree == null) return missing(raw);
        if (Collection.class.isAssignableFrom(raw) || raw == Iterable.class) return collection(tree, type, raw);
        if (raw.isArray() && !(raw == byte[].class && tree instanceof String)) return array(tree, type, raw);
        if (tree instanceof List<?> list) {
            Object scalar = Scalars.read(list, raw);
            return scalar == Scalars.NONE ? bind(only(list, raw), type) : scalar;
        }
        if (tree instanceof Map<?, ?> object) return fromObject(object, type, raw);
        return fromScalar(tree, type, raw);
    }

    private static Object missing(Class<?> type) {
        if (type.isPrimitive()) return type == void.class ? null : Array.get(Array.newInstance(type, 1), 0);
        if (type == Optional.class) return Optional.empty();
        if (type == OptionalInt.class) return OptionalInt.empty();
        if (type == OptionalLong.class) return OptionalLong.empty();
        if (type == OptionalDouble.class) return OptionalDouble.empty();
        return null;
    }

    private static Object only(List<?> list, Class<?> type) throws JsonException {
        if (list.size() > 1) throw mismatch(type, "an array of " + list.size());
        Object only = list.isEmpty() ? null : list.get(0);
        if (only instanceof List) throw mismatch(type, "an array of arrays");
        return only;
    }

    /** Maps, lists, texts, numbers and booleans. */
    private static Object plain(Object tree) {
        if (tree instanceof Numeral numeral) return numeral.plain();
        if (tree instanceof List<?> items) {
            List<Object> list = new ArrayList<>(items.size());
            for (Object item : items) list.add(plain(item));
            return list;
        }
        if (tree instanceof Map<?, ?> object) {
            Map<Object, Object> map = new LinkedHashMap<>();
            for (Map.Entry<?, ?> entry : object.entrySet()) map.put(entry.getKey(), plain(entry.getValue()));
            return map;
        }
        return tree;
    }

    // Arrays

    private static Object collection(Object tree, Type type, Class<?> raw) throws JsonException {
        if ("".equals(tree)) return null;
        Type item = Types.argument(type, raw == Iterable.class ? Iterable.class : Collection.class, 0);
        Collection<Object> collection = emptyCollection(raw);
        for (Object element : list(tree)) collection.add(bind(element, item));
        return collection;
    }

    private static List<?> list(Object tree) {
        return tree instanceof List<?> list ? list : Collections.singletonList(tree);
    }

    @SuppressWarnings("unchecked")
    private static Collection<Object> emptyCollection(Class<?> raw) throws JsonException {
        if (raw.isAssignableFrom(ArrayList.class)) return new ArrayList<>();
        if (raw.isAssignableFrom(LinkedHashSet.class)) return new LinkedHashSet<>();
        if (raw.isAssignableFrom(TreeSet.class)) return new TreeSet<>();
        if (raw.isAssignableFrom(ArrayDeque.class)) return new ArrayDeque<>();
        return (Collection<Object>) create(raw);
    }

    private static Object array(Object tree, Type type, Class<?> raw) throws JsonException {
        if (raw == char[].class && tree instanceof String text) return text.toCharArray();
        Type item = type instanceof GenericArrayType array ? array.getGenericComponentType() : raw.getComponentType();
        List<?> list = list(tree);
        Object array = Array.newInstance(raw.getComponentType(), list.size());
        for (int index = 0; index < list.size(); index++) Array.set(array, index, bind(list.get(index), item));
        return array;
    }

    // Objects

    private static Object fromObject(Map<?, ?> tree, Type type, Class<?> raw) throws JsonException {
        if (Map.class.isAssignableFrom(raw)) return map(tree, type, raw);
        if (raw == Optional.class) return Optional.ofNullable(bind(tree, Types.argument(type, Optional.class, 0)));
        if (isScalar(raw)) throw mismatch(raw, "an object");
        return bean(tree, Types.bindings(type, Map.of()), raw);
    }

    private static boolean isScalar(Class<?> type) {
        return type.isPrimitive() || type.isEnum() || type.getName().startsWith("java.lang.")
                || Number.class.isAssignableFrom(type);
    }

    private static Object map(Map<?, ?> tree, Type type, Class<?> raw) throws JsonException {
        Type key = Types.argument(type, Map.class, 0), value = Types.argument(type, Map.class, 1);
        Map<Object, Object> map = emptyMap(raw, Types.raw(key));
        for (Map.Entry<?, ?> entry : tree.entrySet()) map.put(bind(entry.getKey(), key), bind(entry.getValue(), value));
        return map;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Map<Object, Object> emptyMap(Class<?> raw, Class<?> key) throws JsonException {
        if (raw.isAssignableFrom(LinkedHashMap.class)) return new LinkedHashMap<>();
        if (raw.isAssignableFrom(TreeMap.class)) return new TreeMap<>();
        if (raw.isAssignableFrom(ConcurrentHashMap.class)) return new ConcurrentHashMap<>();
        if (raw == EnumMap.class) return new EnumMap(key);
        return (Map<Object, Object>) create(raw);
    }

    private static Object bean(Map<?, ?> tree, Map<TypeVariable<?>, Type> bindings, Class<?> raw) throws JsonException {
        Bean bean = Bean.of(raw);
        try {
            if (bean.isRecord()) return record(bean, tree, bindings);
            Object object = bean.create();
            for (Map.Entry<?, ?> entry : tree.entrySet()) {
                Bean.Property property = bean.property((String) entry.getKey());
                if (property == null || property.type() == null) continue;
                Type type = Types.resolve(property.type(), bindings);
                property.set(object, at(property.name, raw, entry.getValue(), type, bean.isEvent()));
            }
            return object;
        } catch (InvocationTargetException problem) {
            throw failed(raw, problem.getCause());
        } catch (ReflectiveOperationException | IllegalArgumentException problem) {
            throw failed(raw, problem);
        }
    }

    private static Object record(Bean bean, Map<?, ?> tree, Map<TypeVariable<?>, Type> bindings)
            throws JsonException, ReflectiveOperationException {
        RecordComponent[] components = bean.components();
        Object[] values = new Object[components.length];
        for (int index = 0; index < values.length; index++) {
            String name = components[index].getName();
            Type type = Types.resolve(components[index].getGenericType(), bindings);
            values[index] = at(name, components[index].getDeclaringRecord(), tree.get(name), type, false);
        }
        return bean.create(values);
    }

    /** The value of a property, and where it was if it does not fit. */
    private static Object at(String name, Class<?> owner, Object tree, Type type, boolean isEvent) throws JsonException {
        try {
            // AWS's events have seconds where `Date` is read from milliseconds elsewhere.
            if (isEvent && type == Date.class && tree instanceof Numeral seconds) {
                return new Date((long) (Double.parseDouble(seconds.text()) * 1000));
            }
            return bind(tree, type);
        } catch (JsonException problem) {
            throw new JsonException(problem.getMessage() + " (through " + owner.getName() + "[\"" + name + "\"])");
        }
    }

    private static Object create(Class<?> type) throws JsonException {
        try {
            return Bean.of(type).create();
        } catch (InvocationTargetException problem) {
            throw failed(type, problem.getCause());
        } catch (ReflectiveOperationException problem) {
            throw failed(type, problem);
        }
    }

    private static JsonException failed(Class<?> type, Throwable problem) {
        JsonException failure = new JsonException("Cannot construct instance of `" + type.getName() + "`, problem: "
                + (problem.getMessage() == null ? problem.getClass().getName() : problem.getMessage()));
        failure.initCause(problem);
        return failure;
    }

    // Texts, numbers and booleans

    private static Object fromScalar(Object tree, Type type, Class<?> raw) throws JsonException {
        if (raw == String.class || raw == CharSequence.class || raw == Comparable.class) return tree.toString();
        if (raw == boolean.class || raw == Boolean.class) return bool(tree, raw);
        if (raw == char.class || raw == Character.class) return character(tree, raw);
        if (raw.isPrimitive() || Number.class.isAssignableFrom(raw)) return number(tree, raw);
        if (raw.isEnum()) return constant(tree, raw);
        if (raw == Optional.class) return Optional.ofNullable(bind(tree, Types.argument(type, Optional.class, 0)));
        if (raw == OptionalInt.class) return OptionalInt.of((Integer) number(tree, Integer.class));
        if (raw == OptionalLong.class) return OptionalLong.of((Long) number(tree, Long.class));
        if (raw == OptionalDouble.class) return OptionalDouble.of((Double) number(tree, Double.class));
        if ("".equals(tree)) return null;
        Object scalar = Scalars.read(tree, raw);
        if (scalar != Scalars.NONE) return scalar;
        throw mismatch(raw, tree instanceof String ? "a text" : tree instanceof Boolean ? "a boolean" : "a number");
    }

    private static Object bool(Object tree, Class<?> type) throws JsonException {
        if (tree instanceof Boolean) return tree;
        if (tree instanceof Numeral numeral) return Double.parseDouble(numeral.text()) != 0;
        String text = ((String) tree).trim();
        if (text.isEmpty()) return missing(type);
        if (text.equalsIgnoreCase("true")) return true;
        if (text.equalsIgnoreCase("false")) return false;
        throw new JsonException("Cannot deserialize value of type `" + type.getName() + "` from String \"" + text
                + "\": only \"true\" or \"false\" recognized");
    }

    private static Object character(Object tree, Class<?> type) throws JsonException {
        if (tree instanceof Numeral numeral) return (char) numeral.within(0, Character.MAX_VALUE, type);
        if (!(tree instanceof String text) || text.length() > 1) throw mismatch(type, tree.toString());
        return text.isEmpty() ? missing(type) : (Object) text.charAt(0);
    }

    private static Object number(Object tree, Class<?> type) throws JsonException {
        if (tree instanceof Boolean) throw mismatch(type, "a boolean");
        // The zero of a primitive type is an object of the class that boxes it.
        Class<?> boxed = type.isPrimitive() ? missing(type).getClass() : type;
        if (tree instanceof String text) return fromText(text.trim(), type, boxed);
        Object number = Scalars.number((Numeral) tree, boxed);
        if (number == null) throw mismatch(type, "a number");
        return number;
    }

    private static Object fromText(String text, Class<?> type, Class<?> boxed) throws JsonException {
        if (text.isEmpty()) return missing(type);
        boolean isFraction = boxed == Double.class || boxed == Float.class;
        if (isFraction && (text.equals("NaN") || text.endsWith("Infinity"))) return Scalars.number(new Numeral(text), boxed);
        Object tree;
        try {
            tree = JsonParser.parse(text);
        } catch (JsonException problem) {
            tree = null;
        }
        if (tree instanceof Numeral numeral) return Scalars.number(numeral, boxed);
        throw new JsonException("Cannot deserialize value of type `" + type.getName() + "` from String \"" + text
                + "\": not a valid `" + type.getName() + "` value");
    }

    private static Object constant(Object tree, Class<?> type) throws JsonException {
        Object[] constants = type.getEnumConstants();
        if (tree instanceof Numeral numeral) {
            long index = numeral.within(Integer.MIN_VALUE, Integer.MAX_VALUE, type);
            return index >= 0 && index < constants.length ? constants[(int) index] : null;
        }
        for (Object constant : constants) if (((Enum<?>) constant).name().equals(tree)) return constant;
        return null;
    }

    private static JsonException mismatch(Class<?> type, String found) {
        return new JsonException("Cannot deserialize instance of `" + type.getName() + "` out of " + found);
    }
}
