package apus.runtime.json;

import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.HashMap;
import java.util.Map;

/** What generic declarations say about types. */
public final class Types {
    private Types() {}

    /**
     * The arguments that a class gives to the parameters of one of its supertypes.
     *
     * @return null when the class implements it raw
     */
    public static Type[] arguments(Class<?> type, Class<?> wanted) {
        return arguments(type, wanted, Map.of());
    }

    private static Type[] arguments(Class<?> type, Class<?> wanted, Map<TypeVariable<?>, Type> known) {
        for (Type parent : parents(type)) {
            Class<?> raw = raw(parent);
            if (!wanted.isAssignableFrom(raw)) continue;
            Map<TypeVariable<?>, Type> bindings = bindings(parent, known);
            if (raw != wanted) return arguments(raw, wanted, bindings);
            if (!(parent instanceof ParameterizedType applied)) return null;
            Type[] arguments = applied.getActualTypeArguments();
            for (int index = 0; index < arguments.length; index++) arguments[index] = resolve(arguments[index], known);
            return arguments;
        }
        return null;
    }

    private static Type[] parents(Class<?> type) {
        Type[] interfaces = type.getGenericInterfaces();
        Type superclass = type.getGenericSuperclass();
        if (superclass == null) return interfaces;
        Type[] parents = new Type[interfaces.length + 1];
        System.arraycopy(interfaces, 0, parents, 0, interfaces.length);
        parents[interfaces.length] = superclass;
        return parents;
    }

    /** What stands for the type variables of a generic class in a use of it. */
    static Map<TypeVariable<?>, Type> bindings(Type type, Map<TypeVariable<?>, Type> outer) {
        if (!(type instanceof ParameterizedType applied)) return Map.of();
        Type[] arguments = applied.getActualTypeArguments();
        TypeVariable<?>[] variables = raw(type).getTypeParameters();
        Map<TypeVariable<?>, Type> bindings = new HashMap<>();
        for (int index = 0; index < variables.length; index++) bindings.put(variables[index], resolve(arguments[index], outer));
        return bindings;
    }

    /** The type with variables and wildcards replaced as far as they are known. */
    static Type resolve(Type type, Map<TypeVariable<?>, Type> bindings) {
        if (type instanceof TypeVariable) return bindings.getOrDefault(type, type);
        if (type instanceof WildcardType wildcard) return resolve(wildcard.getUpperBounds()[0], bindings);
        if (!(type instanceof ParameterizedType applied) || bindings.isEmpty()) return type;
        Type[] arguments = applied.getActualTypeArguments();
        for (int index = 0; index < arguments.length; index++) arguments[index] = resolve(arguments[index], bindings);
        return new Applied(raw(type), arguments);
    }

    /** The class behind a type; what is not known is what it has to be at least. */
    public static Class<?> raw(Type type) {
        if (type instanceof Class<?> raw) return raw;
        if (type instanceof ParameterizedType applied) return (Class<?>) applied.getRawType();
        if (type instanceof TypeVariable<?> variable) return raw(variable.getBounds()[0]);
        if (type instanceof WildcardType wildcard) return raw(wildcard.getUpperBounds()[0]);
        return raw(((GenericArrayType) type).getGenericComponentType()).arrayType();
    }

    /** The argument of a supertype's only parameter or one of its parameters; {@code Object} when nothing is said. */
    static Type argument(Type type, Class<?> of, int index) {
        if (raw(type) == of && type instanceof ParameterizedType applied) {
            return resolve(applied.getActualTypeArguments()[index], Map.of());
        }
        Type[] arguments = arguments(raw(type), of, bindings(type, Map.of()));
        return arguments == null ? Object.class : arguments[index];
    }

    private record Applied(Class<?> rawType, Type[] arguments) implements ParameterizedType {
        @Override
        public Type[] getActualTypeArguments() {
            return arguments.clone();
        }

        @Override
        public Type getRawType() {
            return rawType;
        }

        @Override
        public Type getOwnerType() {
            return rawType.getDeclaringClass();
        }
    }
}
