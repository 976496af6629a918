import java.util.List;

/** What the rehearsed function answers. */
public record RehearsedAnswer(String message, List<String> tags, String ratio) {}
