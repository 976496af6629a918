/* The supervisor's requests: parsed to the last byte, then carried out. */
#ifndef APUS_REQUESTS_H
#define APUS_REQUESTS_H

#include "base.h"

/* Takes one message. False when the supervisor is gone or cannot be understood. */
bool requests_serve(int socket);

#endif
