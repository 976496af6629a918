package apus.runtime;

import apus.runtime.json.JsonBinder;
import apus.runtime.json.JsonParser;
import apus.runtime.json.JsonWriter;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.ServiceLoader;

/** Turns events into objects and objects into answers. */
interface Serializer {
    Object read(byte[] event, Type type) throws IOException;

    void write(Object value, ByteArrayOutputStream output, Type type) throws IOException;

    /** The function's own, if it has one. */
    static Serializer of(ClassLoader loader) throws Fault {
        // Services are looked for in all jars; most functions have none, and need not load what would look at them.
        if (loader.getResource("META-INF/services/" + CustomPojoSerializer.class.getName()) == null) return new BuiltIn();
        Iterator<CustomPojoSerializer> found = ServiceLoader.load(CustomPojoSerializer.class, loader).iterator();
        CustomPojoSerializer custom;
        try {
            custom = found.next();
            if (!found.hasNext()) return new Custom(custom);
        } catch (RuntimeException | Error problem) {
            throw Fault.fatal(Fault.message(problem), problem);
        }
        throw Fault.of("Too many serializers provided inside the META-INF/services folder, only one is allowed");
    }

    /** JSON by the declared types. */
    record BuiltIn() implements Serializer {
        @Override
        public Object read(byte[] event, Type type) throws IOException {
            return JsonBinder.bind(JsonParser.parse(new String(event, StandardCharsets.UTF_8)), type);
        }

        @Override
        public void write(Object value, ByteArrayOutputStream output, Type type) throws IOException {
            output.write(JsonWriter.write(value).getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A serializer that the function brings along. */
    record Custom(CustomPojoSerializer serializer) implements Serializer {
        @Override
        public Object read(byte[] event, Type type) {
            return serializer.fromJson(new ByteArrayInputStream(event), type);
        }

        @Override
        public void write(Object value, ByteArrayOutputStream output, Type type) {
            serializer.toJson(value, output, type);
        }
    }
}
