import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.ArrayList;
import java.util.List;
import org.crac.Core;
import org.crac.Resource;

/** Registers hooks around a snapshot; the variable `FAILS` names one that fails. */
public class Hooks implements RequestHandler<Object, List<String>> {
    private final List<String> told = new ArrayList<>();
    private final List<Resource> resources = List.of(hook("a"), hook("b"));

    public Hooks() {
        for (Resource resource : resources) Core.getGlobalContext().register(resource);
    }

    private Resource hook(String name) {
        return new Resource() {
            public void beforeCheckpoint(org.crac.Context<? extends Resource> context) throws Exception {
                tell("before " + name);
            }

            public void afterRestore(org.crac.Context<? extends Resource> context) throws Exception {
                tell("after " + name);
            }
        };
    }

    private void tell(String what) throws Exception {
        told.add(what);
        if (what.equals(System.getenv("FAILS"))) throw new Exception("refused");
    }

    public List<String> handleRequest(Object input, Context context) {
        return told;
    }
}
