/* What the host was found to have, one probe a feature, with what the operator can do about it. */
#ifndef APUS_PROBES_H
#define APUS_PROBES_H

#include "base.h"
#include "wire.h"

/* Looks at everything; cgroup_setup and network_setup have run. The host's root must still be in place. */
void probes_collect(void);

/* Writes the list: u32 count, then u32 result · text feature · text detail. */
void probes_write(struct writer *writer);

#endif
