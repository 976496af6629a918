/*
 * The network of environments: each has a namespace with loopback and, where the host can, one veth into the host's,
 * with two addresses of the instance's block. One nft table on the host rules over all of them.
 */
#ifndef APUS_NETWORK_H
#define APUS_NETWORK_H

#include "base.h"

enum { NETWORK_SLOTS = 16384 };

/* Environments reach beyond loopback. When not, network_reason() says why. */
extern bool network_available;
const char *network_reason(void);

/* The block as text, such as `10.200.0.0/17`. */
const char *network_block(void);

/* A number in 24 bits that stands for the instance in the names of interfaces, table and lock. */
uint32_t network_tag(const char *instance);

/* Chooses the block, cleans what a dead predecessor left, loads the nft table. Fails only when not even loopback works. */
int network_setup(uint32_t tag, bool wanted);

/* The two listeners of a namespace; both descriptors are the caller's. */
struct network_slot {
    int runtime_api;
    int platform_api;
};

/* False while the interface of an earlier namespace of that number is still there; then another number is to be taken. */
bool network_is_free(unsigned index);

/* Makes the namespace number `index`. Returns its descriptor. */
int network_make(unsigned index, struct network_slot *slot);

/* Fills the fresh network namespace of a process, given by its pidfd. */
int network_fill(unsigned index, int process, struct network_slot *slot);

/* Opens a TCP socket in the namespace of that descriptor, non-blocking, neither bound nor connected. */
int network_open_socket(int namespace);

/* Removes table, route and forwarding. The interfaces go with their namespaces. */
void network_teardown(void);

#endif
