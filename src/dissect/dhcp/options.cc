#include "dissect/dhcp/options.h"

#include <algorithm>

namespace dissect::dhcp {

namespace {

constexpr Option kOptions[] = {
    {1, Form::Ip, "subnet_mask"},
    {2, Form::U32, "time_offset"},
    {3, Form::Ip, "router"},
    {4, Form::Ip, "time_server"},
    {5, Form::Ip, "name_server"},
    {6, Form::Ip, "domain_name_server"},
    {7, Form::Ip, "log_server"},
    {9, Form::Ip, "lpr_server"},
    {12, Form::Text, "hostname"},
    {13, Form::U16, "boot_file_size"},
    {14, Form::Text, "merit_dump_file"},
    {15, Form::Text, "domain_name"},
    {16, Form::Ip, "swap_server"},
    {17, Form::Text, "root_path"},
    {18, Form::Text, "extension_path"},
    {19, Form::Flag, "ip_forwarding"},
    {23, Form::U8, "default_ip_ttl"},
    {26, Form::U16, "interface_mtu"},
    {27, Form::Flag, "all_subnets_are_local"},
    {28, Form::Ip, "broadcast_address"},
    {31, Form::Flag, "perform_router_discover"},
    {35, Form::U32, "arp_cache_timeout"},
    {40, Form::Text, "nis_domain"},
    {41, Form::Ip, "nis_server"},
    {42, Form::Ip, "ntp_server"},
    {44, Form::Ip, "netbios_name_server"},
    {45, Form::Ip, "netbios_dd_server"},
    {46, Form::U8, "netbios_node_type"},
    {47, Form::Text, "netbios_scope"},
    {50, Form::Ip, "requested_address"},
    {51, Form::U32, "lease_time"},
    {52, Form::U8, "overload"},
    {53, Form::U8, "message_type"},
    {54, Form::Ip, "server_id"},
    {55, Form::Bytes, "parameter_list"},
    {56, Form::Text, "message"},
    {57, Form::U16, "max_message_size"},
    {58, Form::U32, "renewal_time"},
    {59, Form::U32, "rebinding_time"},
    {60, Form::Text, "vendor_class"},
    {61, Form::Bytes, "client_id"},
    {66, Form::Text, "tftp_server_name"},
    {67, Form::Text, "boot_file_name"},
    {77, Form::Bytes, "user_class"},
    {80, Form::Empty, "rapid_commit"},
    {82, Form::Bytes, "relay_information"},
    {116, Form::U8, "auto_configuration"},
    {118, Form::Ip, "subnet_selection"},
    {150, Form::Ip, "tftp_server_address"},
    {252, Form::Text, "proxy_autodiscovery"},
};
static_assert(std::ranges::is_sorted(kOptions, {}, &Option::code));

}  // namespace

Option option_of(std::uint8_t code) {
  const auto* found = std::ranges::lower_bound(kOptions, code, {}, &Option::code);
  return found != std::end(kOptions) && found->code == code ? *found
                                                            : Option{code, Form::Bytes, {}};
}

}  // namespace dissect::dhcp
