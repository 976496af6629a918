package apus.runtime.json;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The properties of a class, by the rules of AWS's runtime: public getters and fields are written, setters of any visibility and
 * public fields are read, names are those of JavaBeans ({@code getURL} is {@code URL}), in the order of the fields.
 *
 * <p>The classes of AWS's library of events have names that differ from those in the events by case or hyphens only
 * ({@code Records}, {@code detail-type}). There, both are ignored.
 */
final class Bean {
    private static final String EVENTS = "com.amazonaws.services.lambda.runtime.events.";
    private static final ClassValue<Bean> BEANS = new ClassValue<>() {
        @Override
        protected Bean computeValue(Class<?> type) {
            return new Bean(type);
        }
    };

    /** One property; what is not there is null. */
    static final class Property {
        final String name;
        Method getter;
        Method setter;
        Field field;

        Property(String name) {
            this.name = name;
        }

        boolean isWritten() {
            return getter != null || field != null;
        }

        /** Null when the property cannot be set. */
        Type type() {
            if (setter != null) return setter.getGenericParameterTypes()[0];
            return field == null ? null : field.getGenericType();
        }

        Object get(Object bean) throws ReflectiveOperationException {
            return getter != null ? getter.invoke(bean) : field.get(bean);
        }

        void set(Object bean, Object value) throws ReflectiveOperationException {
            if (setter != null) setter.invoke(bean, value);
            else field.set(bean, value);
        }
    }

    private final Class<?> type;
    private final Map<String, Property> properties = new LinkedHashMap<>();
    private final Map<String, Property> looseNames;
    private final RecordComponent[] components;
    private Constructor<?> constructor;

    private Bean(Class<?> type) {
        this.type = type;
        components = type.getRecordComponents();
        if (components != null) findComponents();
        else if (open(type)) findMembers(type);
        properties.values().removeIf(property -> !property.isWritten() && property.setter == null);
        looseNames = type.getName().startsWith(EVENTS) ? new HashMap<>() : null;
        if (looseNames != null) properties.forEach((name, property) -> looseNames.put(loose(name), property));
    }

    static Bean of(Class<?> type) {
        return BEANS.get(type);
    }

    Iterable<Property> properties() {
        return properties.values();
    }

    /** Null when the class has no such property. */
    Property property(String name) {
        return looseNames == null ? properties.get(name) : looseNames.get(loose(name));
    }

    private static String loose(String name) {
        return name.replace("-", "").toLowerCase(Locale.ROOT);
    }

    /** Whether it is of AWS's library of events, where dates are in seconds. */
    boolean isEvent() {
        return looseNames != null;
    }

    boolean isRecord() {
        return components != null;
    }

    RecordComponent[] components() {
        return components;
    }

    /** An instance by the constructor without parameters, or of a record by that with all of these. */
    Object create(Object... values) throws ReflectiveOperationException, JsonException {
        if (constructor == null) constructor = constructor();
        return constructor.newInstance(values);
    }

    private Constructor<?> constructor() throws JsonException {
        if (Modifier.isAbstract(type.getModifiers())) {
            throw new JsonException("Cannot construct instance of `" + type.getName() + "`: abstract types have none");
        }
        Class<?>[] parameters = new Class<?>[components == null ? 0 : components.length];
        for (int index = 0; index < parameters.length; index++) parameters[index] = components[index].getType();
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(parameters);
            constructor.trySetAccessible();
            return constructor;
        } catch (NoSuchMethodException problem) {
            throw new JsonException("Cannot construct instance of `" + type.getName() + "`: it has no default constructor");
        }
    }

    private void findComponents() {
        for (RecordComponent component : components) {
            Property property = new Property(component.getName());
            property.getter = component.getAccessor();
            property.getter.trySetAccessible();
            properties.put(property.name, property);
        }
    }

    /** Of the superclasses first; an override takes the place of what it overrides. */
    private void findMembers(Class<?> type) {
        if (type.getSuperclass() != null && type.getSuperclass() != Object.class) findMembers(type.getSuperclass());
        for (Field field : type.getDeclaredFields()) {
            int modifiers = field.getModifiers();
            if (Modifier.isStatic(modifiers) || Modifier.isTransient(modifiers) || field.isSynthetic()) continue;
            Property property = named(field.getName());
            if (Modifier.isPublic(modifiers) && field.trySetAccessible()) property.field = field;
        }
        for (Method method : type.getDeclaredMethods()) add(method);
        for (Class<?> parent : type.getInterfaces()) {
            for (Method method : parent.getMethods()) if (method.isDefault()) add(method);
        }
    }

    private void add(Method method) {
        if (Modifier.isStatic(method.getModifiers()) || method.isBridge() || method.isSynthetic()) return;
        String name = method.getName();
        int parameters = method.getParameterCount();
        if (parameters == 1 && isPrefixed(name, "set")) {
            Property property = named(decapitalized(name.substring(3)));
            if (prefers(method, property) && method.trySetAccessible()) property.setter = method;
        } else if (parameters == 0 && Modifier.isPublic(method.getModifiers())) {
            Class<?> result = method.getReturnType();
            boolean isQuestion = isPrefixed(name, "is") && (result == boolean.class || result == Boolean.class);
            boolean isGetter = isPrefixed(name, "get") && result != void.class;
            if ((isQuestion || isGetter) && method.trySetAccessible()) {
                named(decapitalized(name.substring(isQuestion ? 2 : 3))).getter = method;
            }
        }
    }

    /** Of several setters, the one for what the getter or the field holds. */
    private boolean prefers(Method setter, Property property) {
        if (property.setter == null || property.setter.getDeclaringClass() != setter.getDeclaringClass()) return true;
        try {
            return setter.getParameterTypes()[0] == setter.getDeclaringClass().getDeclaredField(property.name).getType();
        } catch (NoSuchFieldException problem) {
            return false;
        }
    }

    private static boolean isPrefixed(String name, String prefix) {
        return name.length() > prefix.length() && name.startsWith(prefix);
    }

    /** As JavaBeans have it: two capitals at the beginning stay. */
    private static String decapitalized(String name) {
        if (name.length() > 1 && Character.isUpperCase(name.charAt(1)) && Character.isUpperCase(name.charAt(0))) return name;
        return Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    private Property named(String name) {
        Property property = properties.get(name);
        if (property == null) properties.put(name, property = new Property(name));
        return property;
    }

    /** Whether the members of the class may be asked for: those of the JDK's own classes are its own business. */
    private static boolean open(Class<?> type) {
        return !type.getModule().isNamed() || type.getModule().isOpen(type.getPackageName(), Bean.class.getModule())
                || type.getModule().isExported(type.getPackageName());
    }
}
