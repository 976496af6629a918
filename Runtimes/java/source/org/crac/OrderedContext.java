package org.crac;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Tells the resource registered last first before a snapshot, and in the order of registration after it. */
final class OrderedContext extends Context<Resource> {
    private final List<WeakReference<Resource>> references = new ArrayList<>();

    @Override
    public synchronized void register(Resource resource) {
        references.add(new WeakReference<>(resource));
    }

    @Override
    public void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
        List<Resource> resources = alive();
        Collections.reverse(resources);
        CheckpointException failure = new CheckpointException();
        for (Resource resource : resources) {
            try {
                resource.beforeCheckpoint(this);
            } catch (Exception problem) {
                failure.addSuppressed(problem);
            }
        }
        if (failure.getSuppressed().length > 0) throw failure;
    }

    @Override
    public void afterRestore(Context<? extends Resource> context) throws RestoreException {
        RestoreException failure = new RestoreException();
        for (Resource resource : alive()) {
            try {
                resource.afterRestore(this);
            } catch (Exception problem) {
                failure.addSuppressed(problem);
            }
        }
        if (failure.getSuppressed().length > 0) throw failure;
    }

    private synchronized List<Resource> alive() {
        List<Resource> resources = new ArrayList<>();
        for (WeakReference<Resource> reference : references) {
            Resource resource = reference.get();
            if (resource != null) resources.add(resource);
        }
        return resources;
    }
}
