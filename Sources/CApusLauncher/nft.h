/* The instance's table in nftables: what environments may reach. */
#ifndef APUS_NFT_H
#define APUS_NFT_H

#include "base.h"

/*
 * Replaces the table of the instance `tag`. `closed` are interfaces that forward only because Apus switched it on:
 * what they bring for anybody else is dropped, as before.
 */
int nft_load(uint32_t tag, const char *block, const char *const *closed, size_t closed_count);

/*
 * The table whose forward chain drops what it does not accept, as Docker's and many firewalls' do: an accept of Apus's
 * table does not outvote it. NULL when there is none; rules of the old iptables modules are not seen.
 */
const char *nft_forward_dropped(void);

/* Deletes the table; absent is fine. */
void nft_unload(uint32_t tag);

#endif
