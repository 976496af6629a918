import java.util.List;
import java.util.Map;

/** What the rehearsed function is asked. */
public class RehearsedEvent {
    private String name;
    private int count;
    private double ratio;
    private List<String> tags;
    private Map<String, Integer> inner;

    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    public int getCount() {
        return count;
    }

    public void setCount(int count) {
        this.count = count;
    }

    public double getRatio() {
        return ratio;
    }

    public void setRatio(double ratio) {
        this.ratio = ratio;
    }

    public List<String> getTags() {
        return tags;
    }

    public void setTags(List<String> tags) {
        this.tags = tags;
    }

    public Map<String, Integer> getInner() {
        return inner;
    }

    public void setInner(Map<String, Integer> inner) {
        this.inner = inner;
    }
}
