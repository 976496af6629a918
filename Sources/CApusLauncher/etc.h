/* /etc of the environments: the little that programs look for, generated or copied; nothing of the host's configuration. */
#ifndef APUS_ETC_H
#define APUS_ETC_H

#include "base.h"

/* Fills `etc` below the directory `root`. The host's own root must still be in place. */
int etc_build(int root);

#endif
