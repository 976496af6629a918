package apus.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * What a cell does while nobody waits: it serves events of a Runtime API of its own with a function of its own, so that classes
 * are loaded and methods compiled. Nothing of it stays but that.
 */
final class Rehearsal {
    /** Enough for the compiler to take up what an event passes through. */
    private static final int EVENTS = 400;

    private static final String EVENT = "{\"name\":\"caf\\u00e9\",\"count\":3,\"ratio\":0.5,\"ok\":true,\"tags\":[\"a\",\"b\"],"
            + "\"inner\":{\"at\":1,\"none\":null},\"fails\":%s}";

    private Rehearsal() {}

    /** @param home the folder that holds {@code rehearsal/}, a function; ends with a slash */
    static void run(String home) {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        for (String handler : new String[] {"Rehearsed", "Rehearsed::greet", "Rehearsed::copy"}) {
            for (String format : new String[] {"JSON", "Text"}) rehearse(home, handler, format);
        }
        Thread.currentThread().setContextClassLoader(loader);
        System.clearProperty("com.amazonaws.xray.traceHeader");
        // Else an environment has to, after a few allocations.
        System.gc();
    }

    private static void rehearse(String home, String handler, String format) {
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            new Thread(() -> serve(listener)).start();
            Map<String, String> variables = variables(home, handler, format, listener.getLocalPort());
            // Ends when the server has gone.
            new Environment(variables, true, Log.open(variables, OutputStream.nullOutputStream())).run();
            if (Thread.currentThread().getContextClassLoader() instanceof FunctionLoader loader) loader.close();
        } catch (IOException problem) {
            // No loopback: the first event will take longer.
        }
    }

    private static Map<String, String> variables(String home, String handler, String format, int port) {
        Map<String, String> variables = new HashMap<>();
        variables.put("_HANDLER", handler);
        variables.put("LAMBDA_TASK_ROOT", home + "rehearsal");
        variables.put("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:" + port);
        variables.put("AWS_LAMBDA_LOG_FORMAT", format);
        return variables;
    }

    private static void serve(ServerSocket listener) {
        try (Socket connection = listener.accept()) {
            listener.close();
            for (int count = 0; count < EVENTS && receive(connection.getInputStream()); count++) {
                connection.getOutputStream().write(reply(count));
            }
        } catch (IOException problem) {
            // The function has gone: the rehearsal is over.
        }
    }

    /** Until the next event is asked for: what is asked for last ends the packet. */
    private static boolean receive(InputStream input) throws IOException {
        byte[] buffer = new byte[64 * 1024];
        int length = 0;
        while (true) {
            int count = input.read(buffer, length, buffer.length - length);
            if (count <= 0) return false;
            length += count;
            String text = new String(buffer, 0, length, StandardCharsets.ISO_8859_1);
            if (text.endsWith("\r\n\r\n") && text.contains("GET ")) return true;
        }
    }

    private static byte[] reply(int count) {
        String accepted = count == 0 ? "" : "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        String event = EVENT.replace("%s", String.valueOf(count % 20 == 1));
        return (accepted + "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nLambda-Runtime-Deadline-Ms: 0\r\n"
                + "Lambda-Runtime-Invoked-Function-Arn: arn\r\nLambda-Runtime-Trace-Id: Root=1\r\n"
                + "Lambda-Runtime-Client-Context: {\"client\":{\"app_title\":\"a\"},\"custom\":{\"a\":\"b\"}}\r\n"
                + "Content-Length: " + event.length() + "\r\n\r\n" + event).getBytes(StandardCharsets.US_ASCII);
    }
}
