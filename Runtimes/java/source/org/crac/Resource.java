package org.crac;

/** Something that has to know of snapshots. The context holds it weakly: keep it in a field. */
public interface Resource {
    void beforeCheckpoint(Context<? extends Resource> context) throws Exception;

    void afterRestore(Context<? extends Resource> context) throws Exception;
}
