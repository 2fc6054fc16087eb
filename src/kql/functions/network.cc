#include <array>

#include "kql/functions/function.h"

// Addresses, URLs, paths and other text with a shape of its own.

namespace kql::functions {
namespace {

constexpr Nulls kSometimes = Nulls::Sometimes;
constexpr Nulls kNever = Nulls::Never;
constexpr Naming kNone = Naming::None;

constexpr std::array kEntries{
    Entry{"parse_ipv4", "(address: text): long", "native_parse_ipv4({0})", kNone, kSometimes,
          "The IPv4 address as a number, its prefix (/24) applied; null when it is none."},
    Entry{"parse_ipv4_mask", "(address: text, prefix: long): long", "native_parse_ipv4({0}, {1})",
          kNone, kSometimes, "As parse_ipv4(), with the shorter of both prefixes."},
    Entry{"ipv4_netmask_suffix", "(address: text): long", "native_ipv4_suffix({0})", kNone,
          kSometimes, "The address's prefix, 32 when it says none."},
    Entry{"ipv4_is_private", "(address: text): bool", "native_ipv4_private({0})", kNone, kSometimes,
          "Whether the address is of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."},
    Entry{"ipv4_is_match", "(a: text, b: text): bool", "native_ipv4_match({0}, {1})", kNone,
          kSometimes, "Whether both are equal in the bits of the shortest prefix."},
    Entry{"ipv4_is_match", "(a: text, b: text, prefix: long): bool",
          "native_ipv4_match({0}, {1}, {2})", kNone, kSometimes},
    Entry{"ipv4_compare", "(a: text, b: text): long", "native_ipv4_compare({0}, {1})", kNone,
          kSometimes, "-1, 0 or 1, in the bits of the shortest prefix."},
    Entry{"ipv4_compare", "(a: text, b: text, prefix: long): long",
          "native_ipv4_compare({0}, {1}, {2})", kNone, kSometimes},
    Entry{"ipv4_is_in_range", "(address: text, range: text): bool",
          "native_ipv4_in_range({0}, {1})", kNone, kSometimes,
          "Whether the address is of the range, such as 10.1.0.0/16."},
    Entry{"ipv4_is_in_any_range", "(address: text, range: dynamic...): bool",
          "native_ipv4_in_range({*})", kNone, kSometimes,
          "Whether the address is of any of the ranges, texts or arrays of them."},
    Entry{"format_ipv4", "(address: text): string", "native_format_ipv4({0})", kNone, kNever,
          "The address with the prefix applied; a number is an address, too. Empty for others."},
    Entry{"format_ipv4", "(address: text, prefix: long): string", "native_format_ipv4({0}, {1})",
          kNone, kNever},
    Entry{"format_ipv4_mask", "(address: text, prefix: long): string",
          "native_format_ipv4_mask({0}, {1})", kNone, kNever,
          "As format_ipv4(), with the prefix behind: 192.168.1.0/24."},
    Entry{"has_ipv4", "(text: text, address: string): bool", "native_has_ipv4({0}, {1})", kNone,
          kNever, "Whether the IPv4 address stands in the text, not as a part of a longer word."},
    Entry{"has_any_ipv4", "(text: text, address: dynamic...): bool", "native_has_ipv4({0}, {*1})",
          kNone, kNever,
          "Whether any of the addresses, texts or arrays of them, stands in the text."},
    Entry{"has_ipv4_prefix", "(text: text, prefix: string): bool",
          "native_has_ipv4_prefix({0}, {1})", kNone, kNever,
          "Whether an IPv4 address that starts so (10.1.) stands in the text."},
    Entry{"has_any_ipv4_prefix", "(text: text, prefix: dynamic...): bool",
          "native_has_ipv4_prefix({0}, {*1})", kNone, kNever,
          "Whether an IPv4 address with any of the starts stands in the text."},
    Entry{"parse_ipv6", "(address: text): string", "native_parse_ipv6({0})", kNone, kSometimes,
          "The IPv6 or IPv4 address as eight groups of four digits; empty when it is none."},
    Entry{"parse_ipv6_mask", "(address: text, prefix: long): string", "native_parse_ipv6({0}, {1})",
          kNone, kSometimes, "As parse_ipv6(), with the shorter of both prefixes, of 128 bits."},
    Entry{"ipv6_is_match", "(a: text, b: text): bool", "native_ipv6_match({0}, {1})", kNone,
          kSometimes, "As ipv4_is_match(), for IPv6 and IPv4."},
    Entry{"ipv6_is_match", "(a: text, b: text, prefix: long): bool",
          "native_ipv6_match({0}, {1}, {2})", kNone, kSometimes},
    Entry{"ipv6_compare", "(a: text, b: text): long", "native_ipv6_compare({0}, {1})", kNone,
          kSometimes, "As ipv4_compare(), for IPv6 and IPv4."},
    Entry{"ipv6_compare", "(a: text, b: text, prefix: long): long",
          "native_ipv6_compare({0}, {1}, {2})", kNone, kSometimes},
    Entry{"ipv6_is_in_range", "(address: text, range: text): bool",
          "native_ipv6_in_range({0}, {1})", kNone, kSometimes,
          "Whether the IPv6 or IPv4 address is of the range."},
    Entry{"ipv6_is_in_any_range", "(address: text, range: dynamic...): bool",
          "native_ipv6_in_range({*})", kNone, kSometimes,
          "Whether the address is of any of the ranges, texts or arrays of them."},
    Entry{"ipv4_range_to_cidr_list", "(first: text, last: text): dynamic",
          "native_ipv4_range_to_cidr_list({0}, {1})", kNone, kSometimes,
          "The fewest networks that make up the range, both ends included."},
    Entry{"parse_url", "(url: text): dynamic", "native_parse_url({0})", kNone, kSometimes,
          "The URL's parts: Scheme, Host, Port, Path, Username, Password, Query Parameters, "
          "Fragment."},
    Entry{"parse_urlquery", "(query: text): dynamic", "native_parse_urlquery({0})", kNone,
          kSometimes, "The names and values of a URL's query, under Query Parameters."},
    Entry{"parse_path", "(path: text): dynamic", "native_parse_path({0})", kNone, kSometimes,
          "A file path's parts: Scheme, RootPath, DirectoryPath, DirectoryName, Filename, "
          "Extension, AlternateDataStreamName."},
    Entry{"parse_command_line", "(text: text, parser: const string): dynamic",
          "native_parse_command_line({0}, {1})", kNone, kSometimes,
          "The command line's arguments by the rules of \"windows\"."},
    Entry{"parse_csv", "(text: text): dynamic", "native_parse_csv({0})", Naming::FirstArgument,
          kSometimes, "The fields of the text's first line of comma-separated values."},
    Entry{"parse_user_agent", "(agent: text, part: dynamic): dynamic",
          "native_parse_user_agent({0}, {1})", kNone, kSometimes,
          "What the text of a browser says about itself: parts are \"browser\", \"os\" and "
          "\"device\"; the common products are known."},
};

}  // namespace

std::span<const Entry> network_functions() {
  return kEntries;
}

}  // namespace kql::functions
