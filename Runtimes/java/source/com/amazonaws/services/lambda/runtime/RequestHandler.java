package com.amazonaws.services.lambda.runtime;

/**
 * A handler of objects.
 *
 * @param <I> what the JSON of the event is turned into
 * @param <O> what is turned into JSON; nothing is for {@code Void}
 */
public interface RequestHandler<I, O> {
    O handleRequest(I input, Context context);
}
