package apus.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import apus.runtime.json.Types;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.ArrayList;
import java.util.List;

/** Finds what the function's {@code Handler} names: {@code package.Class} or {@code package.Class::method}. */
final class HandlerFinder {
    private final Class<?> type;
    private final ClassLoader loader;

    private HandlerFinder(Class<?> type, ClassLoader loader) {
        this.type = type;
        this.loader = loader;
    }

    static Handler find(String name, ClassLoader loader) throws Fault {
        int colons = name.lastIndexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        String method = colons < 0 ? null : name.substring(colons + 2);
        if (className.isEmpty() || (method != null && method.isEmpty())) throw Fault.of("Invalid handler: `" + name + "'");
        Class<?> type;
        try {
            type = Class.forName(className, true, loader);
        } catch (ClassNotFoundException problem) {
            throw Fault.of("Class not found: " + className, problem);
        } catch (Throwable problem) {
            String message = problem.getMessage() == null ? "" : ": " + problem.getMessage();
            throw Fault.fatal("Error loading class " + className + message, problem);
        }
        HandlerFinder finder = new HandlerFinder(type, loader);
        return method == null ? finder.byInterface() : finder.byMethod(method);
    }

    // A class alone implements one of the interfaces.

    private Handler byInterface() throws Fault {
        if (RequestStreamHandler.class.isAssignableFrom(type)) {
            RequestStreamHandler handler = (RequestStreamHandler) instance();
            return (event, output, context) -> handler.handleRequest(new ByteArrayInputStream(event), output, context);
        }
        if (RequestHandler.class.isAssignableFrom(type)) return byRequestHandler();
        throw Fault.of("Class does not implement an appropriate handler interface: " + type.getName());
    }

    @SuppressWarnings("unchecked")
    private Handler byRequestHandler() throws Fault {
        Type[] types = Types.arguments(type, RequestHandler.class);
        String lack = "Class " + type.getName() + " does not implement RequestHandler with concrete type parameters";
        if (types == null) throw Fault.of(lack);
        for (Type each : types) {
            if (each instanceof TypeVariable<?> variable && variable.getBounds()[0] == Object.class) {
                throw Fault.of(lack + ": parameter " + each + " has no upper bound.");
            }
        }
        RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instance();
        return new ObjectHandler(types[0], types[1], Serializer.of(loader), handler::handleRequest);
    }

    private Object instance() throws Fault {
        Constructor<?> constructor;
        try {
            constructor = type.getConstructor();
        } catch (NoSuchMethodException problem) {
            boolean isInner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
            Exception lack = isInner
                    ? new Exception("Class " + type.getName() + " cannot be instantiated because it is a non-static inner class")
                    : new Exception("Class " + type.getName() + " has no public zero-argument constructor", problem);
            throw Fault.of(lack.getMessage(), lack);
        }
        try {
            return constructor.newInstance();
        } catch (InvocationTargetException problem) {
            throw Fault.fatal(Fault.message(problem.getCause()), problem.getCause());
        } catch (ReflectiveOperationException problem) {
            throw Fault.of(Fault.message(problem), problem);
        }
    }

    // A method has the parameters that it wants.

    private Handler byMethod(String name) throws Fault {
        List<Method> overloads = new ArrayList<>();
        try {
            for (Method method : type.getMethods()) if (method.getName().equals(name)) overloads.add(method);
        } catch (NoClassDefFoundError problem) {
            throw Fault.of("Error loading method " + name + " on class " + type.getName(), problem);
        }
        overloads.sort((one, other) -> Integer.compare(rank(other), rank(one)));
        for (Method method : overloads) {
            Form form = Form.of(method.getParameterTypes());
            if (form != null) return call(method, form);
        }
        throw Fault.of("No public method named " + name + " with appropriate method signature found on class " + type.getName());
    }

    /** Which of several overloads is taken: one that was written over a bridge, the longest, one with a context over its equals. */
    private static int rank(Method method) {
        Class<?>[] types = method.getParameterTypes();
        int length = types.length > 0 && types[types.length - 1] == Context.class ? types.length + 1 : types.length;
        return method.isBridge() ? length - 1000 : length;
    }

    /** What a method's parameters are. */
    private enum Form {
        NOTHING, CONTEXT, INPUT, INPUT_CONTEXT,
        STREAM_IN, STREAM_IN_CONTEXT, STREAM_OUT, STREAM_OUT_CONTEXT, STREAMS, STREAMS_CONTEXT;

        /** Null for parameters that no handler has. */
        static Form of(Class<?>[] types) {
            int count = types.length;
            boolean hasContext = count > 0 && types[count - 1] == Context.class;
            int inputs = hasContext ? count - 1 : count;
            if (inputs == 0) return hasContext ? CONTEXT : NOTHING;
            if (inputs == 2 && types[0] == InputStream.class && types[1] == OutputStream.class) {
                return hasContext ? STREAMS_CONTEXT : STREAMS;
            }
            if (inputs > 1 || types[0] == Context.class) return null;
            if (types[0] == InputStream.class) return hasContext ? STREAM_IN_CONTEXT : STREAM_IN;
            if (types[0] == OutputStream.class) return hasContext ? STREAM_OUT_CONTEXT : STREAM_OUT;
            return hasContext ? INPUT_CONTEXT : INPUT;
        }

        Object[] arguments(Object input, OutputStream output, Context context) {
            return switch (this) {
                case NOTHING -> new Object[] {};
                case CONTEXT -> new Object[] {context};
                case INPUT, STREAM_IN -> new Object[] {input};
                case INPUT_CONTEXT, STREAM_IN_CONTEXT -> new Object[] {input, context};
                case STREAM_OUT -> new Object[] {output};
                case STREAM_OUT_CONTEXT -> new Object[] {output, context};
                case STREAMS -> new Object[] {input, output};
                case STREAMS_CONTEXT -> new Object[] {input, output, context};
            };
        }

        boolean isStream() {
            return ordinal() >= STREAM_IN.ordinal();
        }

        boolean hasInput() {
            return this == INPUT || this == INPUT_CONTEXT;
        }
    }

    private Handler call(Method method, Form form) throws Fault {
        Object instance = Modifier.isStatic(method.getModifiers()) ? null : instance();
        // Public methods of classes that are not public themselves are called all the same.
        method.trySetAccessible();
        if (form.isStream()) {
            return (event, output, context) ->
                    invoke(method, instance, form.arguments(new ByteArrayInputStream(event), output, context));
        }
        Type input = form.hasInput() ? method.getGenericParameterTypes()[0] : Void.class;
        return new ObjectHandler(input, method.getGenericReturnType(), Serializer.of(loader),
                (value, context) -> invoke(method, instance, form.arguments(value, null, context)));
    }

    private static Object invoke(Method method, Object instance, Object[] arguments) throws Throwable {
        try {
            return method.invoke(instance, arguments);
        } catch (InvocationTargetException problem) {
            throw problem.getCause();
        }
    }
}
