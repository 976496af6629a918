#include "nft.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/*
 * Any number of interfaces `apTAG-N` match the same rules, so that an environment costs none of its own.
 * `ap*` also matches the environments of other instances on this host.
 * The metadata services of clouds give out the host's credentials: link-local addresses, and one each of Azure and
 * Alibaba. Some clouds' name servers have the same addresses.
 * Where Apus switched on an uplink's forwarding, the host does not become a router for others by it; what the host
 * forwards on its own account later, such as to containers, still passes.
 * Port 25 is closed as in Lambda.
 */
static const char *const rules =
    "add table inet apus_%1$06x\n"
    "delete table inet apus_%1$06x\n"
    "table inet apus_%1$06x {\n"
    "  chain forward {\n"
    "    type filter hook forward priority -5; policy accept;\n"
    "    iifname \"ap%1$06x-*\" goto from_environment\n"
    "    oifname \"ap%1$06x-*\" goto to_environment\n"
    "%3$s"
    "  }\n"
    "  chain from_environment {\n"
    "    meta nfproto != ipv4 drop\n"
    "    ip saddr != %2$s counter drop\n"
    "    fib saddr . iif oif missing counter drop\n"
    "    oifname \"ap*\" counter drop\n"
    "    ip daddr { 127.0.0.0/8, 224.0.0.0/4, 255.255.255.255 } counter drop\n"
    "    ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200 } goto to_metadata\n"
    "    tcp dport 25 counter drop\n"
    "    ct state invalid drop\n"
    "    accept\n"
    "  }\n"
    "  chain to_metadata {\n"
    "    meta l4proto { tcp, udp } th dport 53 accept\n"
    "    counter drop\n"
    "  }\n"
    "  chain to_environment {\n"
    "    ct state established,related accept\n"
    "    counter drop\n"
    "  }\n"
    "  chain input {\n"
    "    type filter hook input priority -5; policy accept;\n"
    "    iifname \"ap%1$06x-*\" counter drop\n"
    "  }\n"
    "  chain postrouting {\n"
    "    type nat hook postrouting priority 100; policy accept;\n"
    "    ip saddr %2$s oifname != \"ap*\" masquerade\n"
    "  }\n"
    "}\n";

static const char *find_nft(void) {
    static const char *const places[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], X_OK) == 0) return places[i];
    return NULL;
}

/* Runs `nft -f -` on the file. */
static int run_nft(const char *program, int input) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    char *arguments[] = {(char *)program, "-f", "-", NULL};
    char *variables[] = {NULL};
    pid_t pid;
    int error = posix_spawn(&pid, program, &actions, NULL, arguments, variables);
    posix_spawn_file_actions_destroy(&actions);
    STEP(-error, "run %s", program);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return failed(-errno, "wait for nft");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed(-EPROTO, "load the nft table");
    return 0;
}

int nft_load(uint32_t tag, const char *block, const char *const *closed, size_t closed_count) {
    const char *program = find_nft();
    if (!program) return failed(-ENOENT, "find nft (install nftables)");
    char drops[1024] = "";
    size_t length = 0;
    for (size_t i = 0; i < closed_count && length + 128 < sizeof drops; i++)
        length += (size_t)snprintf(
            drops + length, sizeof drops - length,
            "    iifname \"%s\" oifname != \"ap*\" ct state != { established, related } ct status & dnat == 0 drop\n", closed[i]);
    char text[4096];
    int total = snprintf(text, sizeof text, rules, tag, block, drops);
    if (total < 0 || (size_t)total >= sizeof text) return failed(-EOVERFLOW, "write the nft table");
    int input = sys(memfd_create("nft", MFD_CLOEXEC));
    STEP(input, "make room for the nft table");
    int error = write(input, text, (size_t)total) == total ? 0 : -EIO;
    if (error == 0) error = sys(lseek(input, 0, SEEK_SET));
    if (error == 0) error = run_nft(program, input);
    close(input);
    return error;
}

/* Another table, such as Docker's `filter`, that drops what is forwarded and not accepted there. Apus's own has no policy. */
struct forward_search {
    bool dropping;
    char table[64];
};

static struct nlattr *find_attribute(void *start, int length, uint16_t type) {
    struct nlattr *attribute = start;
    while (length >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN && attribute->nla_len <= length) {
        if ((attribute->nla_type & NLA_TYPE_MASK) == type) return attribute;
        length -= NLA_ALIGN(attribute->nla_len);
        attribute = (struct nlattr *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
    }
    return NULL;
}

static bool has_u32(const struct nlattr *attribute, uint32_t value) {
    uint32_t found;
    if (!attribute || attribute->nla_len < NLA_HDRLEN + sizeof found) return false;
    memcpy(&found, (const char *)attribute + NLA_HDRLEN, sizeof found);
    return ntohl(found) == value;
}

static void see_chain(const struct nlmsghdr *message, void *context) {
    struct forward_search *search = context;
    struct nfgenmsg *fixed = NLMSG_DATA(message);
    if (fixed->nfgen_family != NFPROTO_IPV4 && fixed->nfgen_family != NFPROTO_INET) return;
    void *attributes = (char *)fixed + NLMSG_ALIGN(sizeof *fixed);
    int length = (int)message->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof *fixed));
    struct nlattr *hook = find_attribute(attributes, length, NFTA_CHAIN_HOOK);
    struct nlattr *table = find_attribute(attributes, length, NFTA_CHAIN_TABLE);
    if (!hook || !table) return;
    hook = find_attribute((char *)hook + NLA_HDRLEN, hook->nla_len - NLA_HDRLEN, NFTA_HOOK_HOOKNUM);
    if (!has_u32(hook, NF_INET_FORWARD)) return;
    if (!has_u32(find_attribute(attributes, length, NFTA_CHAIN_POLICY), NF_DROP)) return;
    search->dropping = true;
    snprintf(search->table, sizeof search->table, "%.*s", table->nla_len - NLA_HDRLEN, (char *)table + NLA_HDRLEN);
}

const char *nft_forward_dropped(void) {
    static struct forward_search search;
    int socket = netlink_open(NETLINK_NETFILTER);
    if (socket < 0) return NULL;
    struct nfgenmsg fixed = {.nfgen_family = AF_UNSPEC};
    struct netlink_batch batch = {0};
    netlink_begin(&batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP, &fixed, sizeof fixed);
    netlink_dump(socket, &batch, see_chain, &search);
    close(socket);
    return search.dropping ? search.table : NULL;
}

void nft_unload(uint32_t tag) {
    int socket = netlink_open(NETLINK_NETFILTER);
    if (socket < 0) return;
    char name[32];
    snprintf(name, sizeof name, "apus_%06x", tag);
    struct nfgenmsg bracket = {.nfgen_family = AF_UNSPEC, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    struct nfgenmsg fixed = {.nfgen_family = NFPROTO_INET};
    struct netlink_batch batch = {0};
    netlink_begin(&batch, NFNL_MSG_BATCH_BEGIN, 0, &bracket, sizeof bracket);
    netlink_begin(&batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, 0, &fixed, sizeof fixed);
    netlink_put_text(&batch, NFTA_TABLE_NAME, name);
    netlink_begin(&batch, NFNL_MSG_BATCH_END, 0, &bracket, sizeof bracket);
    /* Kernels differ in how many of the three they answer; the work is done when the call returns. */
    netlink_send(socket, &batch);
    close(socket);
}
