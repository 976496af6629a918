/* What cannot be done in Java; see Native.java. */

#include <errno.h>
#include <jni.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

JNIEXPORT jbyteArray JNICALL Java_apus_runtime_Native_receive(JNIEnv *env, jclass native, jint channel, jint longest) {
    (void)native;
    char *packet = malloc((size_t)longest);
    ssize_t length;
    do length = packet ? recv(channel, packet, (size_t)longest, 0) : -1;
    while (length < 0 && errno == EINTR);
    jbyteArray message = (*env)->NewByteArray(env, length < 0 ? 0 : (jsize)length);
    if (message && length > 0) (*env)->SetByteArrayRegion(env, message, 0, (jsize)length, (const jbyte *)packet);
    free(packet);
    return message;
}

static char *text_of(JNIEnv *env, jbyteArray bytes) {
    jsize length = (*env)->GetArrayLength(env, bytes);
    char *text = malloc((size_t)length + 1);
    if (!text) abort();
    (*env)->GetByteArrayRegion(env, bytes, 0, length, (jbyte *)text);
    text[length] = 0;
    return text;
}

JNIEXPORT void JNICALL Java_apus_runtime_Native_become(
    JNIEnv *env, jclass native, jbyteArray message, jint channel, jbyteArray directory) {
    (void)native;
    /* The variables stay in this memory for ever. */
    char *entries = text_of(env, message), *end = entries + (*env)->GetArrayLength(env, message);
    clearenv();
    for (char *entry = entries + 1; entry < end; entry += strlen(entry) + 1) putenv(entry);
    char *path = text_of(env, directory);
    /* A folder that is not there is as harmless as it is to a direct launch. */
    if (chdir(path) < 0) errno = 0;
    free(path);
    close(channel);
}

JNIEXPORT jbyteArray JNICALL Java_apus_runtime_Native_take(JNIEnv *env, jclass native, jbyteArray name) {
    (void)native;
    char *text = text_of(env, name), *value = getenv(text);
    jbyteArray taken = value ? (*env)->NewByteArray(env, (jsize)strlen(value)) : NULL;
    if (taken) (*env)->SetByteArrayRegion(env, taken, 0, (jsize)strlen(value), (const jbyte *)value);
    unsetenv(text);
    free(text);
    return taken;
}
