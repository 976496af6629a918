#include "network.h"

#include "netlink.h"
#include "nft.h"
#include "root.h"
#include "uplink.h"
#include "userns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>

bool network_available;

/* Marks the routes of Apus; the metric holds the tag of the instance. */
enum { ROUTE_PROTOCOL = 169, BLOCK_BITS = 17 };

static int host_namespace = -1;
static int host_socket = -1;
static uint32_t instance_tag;
static uint32_t block;
static uint32_t mtu;
static char block_text[32];
static char reason[160];

/* Interfaces with a default route, whose forwarding Apus switched on. */
enum { UPLINKS_MAX = 8 };
static char uplinks[UPLINKS_MAX][IF_NAMESIZE];
static size_t uplink_count;

const char *network_reason(void) { return reason; }
const char *network_block(void) { return block_text; }

uint32_t network_tag(const char *instance) {
    uint32_t hash = 2166136261u;
    for (; *instance; instance++) hash = (hash ^ (unsigned char)*instance) * 16777619u;
    return (hash ^ hash >> 24) & 0xffffff;
}

static void interface_name(char *name, size_t capacity, unsigned index) {
    snprintf(name, capacity, "ap%06x-%u", instance_tag, index);
}

static uint32_t route_metric(void) { return 0x01000000u | instance_tag; }

/* ---- Routes of the host ---- */

struct prefix {
    uint32_t address;
    unsigned length;
};

static struct {
    struct prefix prefixes[4096];
    size_t count;
    bool full;
    struct prefix stale;
    bool has_stale;
    bool others;
    unsigned uplinks[UPLINKS_MAX];
    size_t uplink_count;
} routes;

static void see_route(const struct nlmsghdr *message, void *context) {
    (void)context;
    if (message->nlmsg_type != RTM_NEWROUTE) return;
    const struct rtmsg *route = NLMSG_DATA(message);
    struct prefix prefix = {0, route->rtm_dst_len};
    uint32_t metric = 0, interface = 0;
    int left = (int)RTM_PAYLOAD(message);
    for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == RTA_DST) memcpy(&prefix.address, RTA_DATA(a), 4);
        if (a->rta_type == RTA_PRIORITY) memcpy(&metric, RTA_DATA(a), 4);
        if (a->rta_type == RTA_OIF) memcpy(&interface, RTA_DATA(a), 4);
    }
    prefix.address = ntohl(prefix.address);
    if (route->rtm_protocol == ROUTE_PROTOCOL && metric == route_metric()) {
        routes.stale = prefix;
        routes.has_stale = true;
        return;
    }
    if (route->rtm_protocol == ROUTE_PROTOCOL) routes.others = true;
    if (prefix.length == 0) {
        if (interface && routes.uplink_count < UPLINKS_MAX) routes.uplinks[routes.uplink_count++] = interface;
        return;
    }
    if (routes.count == sizeof routes.prefixes / sizeof *routes.prefixes) routes.full = true;
    else routes.prefixes[routes.count++] = prefix;
}

static int read_routes(void) {
    memset(&routes, 0, sizeof routes);
    struct netlink_batch batch = {0};
    struct rtmsg request = {.rtm_family = AF_INET};
    netlink_begin(&batch, RTM_GETROUTE, NLM_F_DUMP, &request, sizeof request);
    return netlink_dump(host_socket, &batch, see_route, NULL);
}

static bool overlaps(struct prefix a, uint32_t address, unsigned length) {
    unsigned shorter = a.length < length ? a.length : length;
    return ((a.address ^ address) >> (32 - shorter)) == 0;
}

static bool taken(uint32_t address) {
    for (size_t i = 0; i < routes.count; i++)
        if (overlaps(routes.prefixes[i], address, BLOCK_BITS)) return true;
    return false;
}

/*
 * The whole block leads nowhere but for the addresses in use: packets to other addresses of it do not leave the host,
 * and the route tells other instances that the block is taken.
 */
static int change_block_route(uint16_t type, uint16_t flags, uint32_t address) {
    struct netlink_batch batch = {0};
    struct rtmsg route = {
        .rtm_family = AF_INET, .rtm_dst_len = BLOCK_BITS, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = ROUTE_PROTOCOL,
        .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_BLACKHOLE};
    uint32_t destination = htonl(address);
    netlink_begin(&batch, type, flags, &route, sizeof route);
    netlink_put(&batch, RTA_DST, &destination, 4);
    netlink_put_u32(&batch, RTA_PRIORITY, route_metric());
    return netlink_run(host_socket, &batch);
}

/* The candidates, in order: 10.200.0.0/13 in 16 steps, then 100.64.0.0/10, which VPNs like to use. */
static uint32_t candidate(unsigned number) {
    return number < 16 ? 0x0ac80000u + (number << 15) : 0x64400000u + ((number - 16) << 15);
}

static int choose_block(void) {
    STEP(read_routes(), "read the routes");
    if (routes.has_stale) change_block_route(RTM_DELROUTE, 0, routes.stale.address);
    for (unsigned number = 0; number < 16 + 128; number++) {
        uint32_t address = candidate(number);
        if (routes.full || taken(address)) continue;
        int error = change_block_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, address);
        if (error == -EEXIST) continue;
        STEP(error, "reserve an address block");
        block = address;
        struct in_addr text = {htonl(address)};
        snprintf(block_text, sizeof block_text, "%s/%d", inet_ntoa(text), BLOCK_BITS);
        return 0;
    }
    return failed(-EADDRNOTAVAIL, "find a free address block");
}

/* ---- Leftovers of a predecessor that was killed ---- */

/* All host ends are of one group, so that the kernel removes them together: one by one takes 20 ms each. */
static uint32_t link_group(void) { return 0x61000000 | instance_tag; }

/* What a launcher before this one has left. */
static void remove_stale_links(void) {
    struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct netlink_batch batch = {0};
    netlink_begin(&batch, RTM_DELLINK, 0, &any, sizeof any);
    netlink_put_u32(&batch, IFLA_GROUP, link_group());
    netlink_run(host_socket, &batch);
}

/* ---- Forwarding ---- */

static int set_forwarding(const char *interface, bool on) {
    char path[160];
    snprintf(path, sizeof path, "sys/net/ipv4/conf/%s/forwarding", interface);
    return write_text(host_proc, path, on ? "1" : "0");
}

static uint32_t link_mtu(const char *interface) {
    char path[160], text[16];
    snprintf(path, sizeof path, "/sys/class/net/%s/mtu", interface);
    return read_text(AT_FDCWD, path, text, sizeof text) > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* Answers come in by the uplinks, so they must forward. Where the host routes anyway, nothing is to be done. */
static int open_uplinks(void) {
    char text[8] = "";
    read_text(host_proc, "sys/net/ipv4/ip_forward", text, sizeof text);
    bool host_routes = text[0] == '1';
    for (size_t i = 0; i < routes.uplink_count; i++) {
        char name[IF_NAMESIZE];
        if (!if_indextoname(routes.uplinks[i], name)) continue;
        uint32_t uplink_mtu = link_mtu(name);
        if (uplink_mtu && (mtu == 0 || uplink_mtu < mtu)) mtu = uplink_mtu;
        if (host_routes) continue;
        STEP(set_forwarding(name, true), "switch on forwarding of %s", name);
        strcpy(uplinks[uplink_count++], name);
    }
    return 0;
}

/* ---- Setup and teardown ---- */

static int setup_beyond_loopback(void) {
    remove_stale_links();
    TRY(choose_block());
    TRY(open_uplinks());
    const char *names[UPLINKS_MAX];
    for (size_t i = 0; i < uplink_count; i++) names[i] = uplinks[i];
    return nft_load(instance_tag, block_text, names, uplink_count);
}

int network_setup(uint32_t tag, bool wanted) {
    instance_tag = tag;
    /* From the namespaces of environments the launcher of an ordinary user could not return to the host's. */
    int linked = userns_entered ? uplink_open(wanted) : 1;
    TRY(linked);
    host_namespace = sys(openat(host_proc, "self/ns/net", O_RDONLY | O_CLOEXEC));
    STEP(host_namespace, "open the network namespace");
    host_socket = netlink_open(NETLINK_ROUTE);
    STEP(host_socket, "open rtnetlink");
    if (!wanted || !linked) {
        snprintf(reason, sizeof reason, "%s", wanted ? failed_step() : "switched off by the configuration");
        return 0;
    }
    int error = setup_beyond_loopback();
    if (error < 0) {
        snprintf(reason, sizeof reason, "%s: %s", failed_step(), strerror(-error));
        network_teardown();
        return 0;
    }
    network_available = true;
    return 0;
}

void network_teardown(void) {
    nft_unload(instance_tag);
    if (block) change_block_route(RTM_DELROUTE, 0, block);
    block = 0;
    network_available = false;
    /* Another instance may rely on the forwarding; the last one to leave switches it off. */
    if (uplink_count == 0 || read_routes() < 0 || routes.others) return;
    for (size_t i = 0; i < uplink_count; i++) set_forwarding(uplinks[i], false);
    uplink_count = 0;
}

/* ---- One namespace ---- */

static void put_address(struct netlink_batch *batch, int interface, uint32_t address) {
    struct ifaddrmsg fixed = {
        .ifa_family = AF_INET, .ifa_prefixlen = 31, .ifa_scope = RT_SCOPE_UNIVERSE, .ifa_index = (unsigned)interface};
    uint32_t value = htonl(address);
    netlink_begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed);
    netlink_put(batch, IFA_LOCAL, &value, 4);
    netlink_put(batch, IFA_ADDRESS, &value, 4);
}

static void put_up(struct netlink_batch *batch, int interface) {
    struct ifinfomsg fixed = {.ifi_family = AF_UNSPEC, .ifi_index = interface, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    netlink_begin(batch, RTM_NEWLINK, 0, &fixed, sizeof fixed);
}

/* `eth0` here, `name` in the host's namespace. */
static void put_veth(struct netlink_batch *batch, int interface, const char *name) {
    struct ifinfomsg fixed = {.ifi_family = AF_UNSPEC, .ifi_index = interface};
    netlink_begin(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed);
    netlink_put_text(batch, IFLA_IFNAME, "eth0");
    if (mtu) netlink_put_u32(batch, IFLA_MTU, mtu);
    size_t info = netlink_nest(batch, IFLA_LINKINFO);
    netlink_put_text(batch, IFLA_INFO_KIND, "veth");
    size_t data = netlink_nest(batch, IFLA_INFO_DATA);
    size_t peer = netlink_nest(batch, VETH_INFO_PEER);
    struct ifinfomsg *far = (struct ifinfomsg *)(batch->bytes + batch->length);
    memset(far, 0, sizeof *far);
    batch->length += NLMSG_ALIGN(sizeof *far);
    batch->current->nlmsg_len += NLMSG_ALIGN((uint32_t)sizeof *far);
    netlink_put_text(batch, IFLA_IFNAME, name);
    netlink_put_u32(batch, IFLA_GROUP, link_group());
    if (mtu) netlink_put_u32(batch, IFLA_MTU, mtu);
    netlink_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)host_namespace);
    netlink_nest_end(batch, peer);
    netlink_nest_end(batch, data);
    netlink_nest_end(batch, info);
}

static void put_default_route(struct netlink_batch *batch, uint32_t gateway, int interface) {
    struct rtmsg fixed = {
        .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    uint32_t value = htonl(gateway);
    netlink_begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed);
    netlink_put(batch, RTA_GATEWAY, &value, 4);
    netlink_put_u32(batch, RTA_OIF, (uint32_t)interface);
}

/* Low numbers may be taken: some tunnel modules put a device into every namespace. */
enum { LOOPBACK_INDEX = 1, INNER_INDEX = 1000 };

static uint32_t outer_address(unsigned index) { return block + 2 * index; }

static int configure_inside(int socket_, unsigned index) {
    struct netlink_batch batch = {0};
    put_up(&batch, LOOPBACK_INDEX);
    if (network_available) {
        char name[IF_NAMESIZE];
        interface_name(name, sizeof name, index);
        put_veth(&batch, INNER_INDEX, name);
        put_address(&batch, INNER_INDEX, outer_address(index) + 1);
        put_up(&batch, INNER_INDEX);
        put_default_route(&batch, outer_address(index), INNER_INDEX);
    }
    return netlink_run(socket_, &batch);
}

static int open_tcp(void) { return sys(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

static int listen_inside(uint16_t port) {
    int listener = open_tcp();
    if (listener < 0) return listener;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int error = sys(bind(listener, (struct sockaddr *)&address, sizeof address));
    if (error == 0) error = sys(listen(listener, 128));
    if (error == 0) return listener;
    close(listener);
    return error;
}

static int fill_namespace(unsigned index, struct network_slot *slot) {
    /* Absent where the kernel has no IPv6; everything inside is IPv4. */
    write_text(host_proc, "sys/net/ipv6/conf/all/disable_ipv6", "1");
    int socket_ = netlink_open(NETLINK_ROUTE);
    STEP(socket_, "open rtnetlink inside");
    int error = configure_inside(socket_, index);
    close(socket_);
    STEP(error, "configure the network");
    slot->runtime_api = listen_inside(9001);
    STEP(slot->runtime_api, "listen for the Runtime API");
    slot->platform_api = listen_inside(4566);
    STEP(slot->platform_api, "listen for the platform");
    return 0;
}

static int configure_outside(unsigned index) {
    char name[IF_NAMESIZE], path[160];
    interface_name(name, sizeof name, index);
    int interface = (int)if_nametoindex(name);
    if (interface == 0) return failed(-ENODEV, "find %s", name);
    snprintf(path, sizeof path, "sys/net/ipv6/conf/%s/disable_ipv6", name);
    write_text(host_proc, path, "1");
    STEP(set_forwarding(name, true), "switch on forwarding of %s", name);
    struct netlink_batch batch = {0};
    put_address(&batch, interface, outer_address(index));
    put_up(&batch, interface);
    STEP(netlink_run(host_socket, &batch), "configure %s", name);
    return 0;
}

bool network_is_free(unsigned index) {
    char name[IF_NAMESIZE];
    interface_name(name, sizeof name, index);
    return if_nametoindex(name) == 0;
}

/* In the wrong namespace nothing further may be done. */
static void return_to_host(void) {
    if (setns(host_namespace, CLONE_NEWNET) < 0) _exit(1);
}

/* In the namespace that is filled; returns to the host's. */
static int fill(unsigned index, struct network_slot *slot) {
    *slot = (struct network_slot){-1, -1};
    int error = fill_namespace(index, slot);
    return_to_host();
    if (error == 0 && network_available) error = configure_outside(index);
    if (error == 0) return 0;
    close_descriptor(&slot->runtime_api);
    close_descriptor(&slot->platform_api);
    return error;
}

int network_make(unsigned index, struct network_slot *slot) {
    STEP(sys(unshare(CLONE_NEWNET)), "make a network namespace");
    int namespace = sys(openat(host_proc, "self/ns/net", O_RDONLY | O_CLOEXEC));
    int error = fill(index, slot);
    STEP(namespace, "open the network namespace");
    if (error < 0) close(namespace);
    return error < 0 ? error : namespace;
}

int network_fill(unsigned index, int process, struct network_slot *slot) {
    STEP(sys(setns(process, CLONE_NEWNET)), "enter the network namespace");
    return fill(index, slot);
}

int network_open_socket(int namespace) {
    STEP(sys(setns(namespace, CLONE_NEWNET)), "enter the network namespace");
    int opened = open_tcp();
    return_to_host();
    STEP(opened, "open a socket");
    return opened;
}
