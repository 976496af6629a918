package apus.runtime;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Loads the function's classes: from its folder, its {@code lib/*.jar} and the layers' {@code java/lib/*.jar}, in this order.
 *
 * <p>The parent goes first, so that the interfaces are the runtime's even where a package brings AWS's own along: else its
 * handlers would implement something that the runtime does not know.
 */
final class FunctionLoader extends URLClassLoader {
    static {
        registerAsParallelCapable();
    }

    private FunctionLoader(URL[] urls) {
        super(urls, FunctionLoader.class.getClassLoader());
    }

    static FunctionLoader of(String taskRoot, String layerRoot) {
        List<URL> urls = new ArrayList<>();
        urls.add(url(taskRoot + "/"));
        addJars(taskRoot + "/lib", urls);
        addJars(layerRoot + "/java/lib", urls);
        return new FunctionLoader(urls.toArray(new URL[0]));
    }

    private static void addJars(String folder, List<URL> urls) {
        String[] names = new File(folder).list();
        if (names == null) return;
        Arrays.sort(names);
        for (String name : names) {
            if (name.length() > 4 && name.endsWith(".jar")) urls.add(url(folder + "/" + name));
        }
    }

    @SuppressWarnings("deprecation") // its successor costs a parser of URIs, and escapes what is to be taken as it is
    private static URL url(String path) {
        try {
            return new URL("file", null, -1, path);
        } catch (MalformedURLException problem) {
            throw new IllegalStateException(problem); // every JDK knows files
        }
    }
}
