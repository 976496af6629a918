package apus.runtime.json;

import java.io.IOException;

/** Text that is not JSON, or JSON that does not fit a type. */
public final class JsonException extends IOException {
    private static final long serialVersionUID = 1;

    public JsonException(String message) {
        super(message);
    }
}
