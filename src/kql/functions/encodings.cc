#include <array>

#include "kql/functions/function.h"

// Further functions of text: expressions, encodings, hashes, formats.

namespace kql::functions {
namespace {

constexpr Nulls kSometimes = Nulls::Sometimes;
constexpr Nulls kNever = Nulls::Never;
constexpr Naming kNone = Naming::None;

constexpr std::array kEntries{
    Entry{"extract_all", "(regex: const string, text: text): dynamic",
          "native_extract_all({0}, NULL, {1})", kNone, kSometimes,
          "All matches of the expression, as an array; of arrays when there are several groups."},
    Entry{"extract_all", "(regex: const string, groups: dynamic, text: text): dynamic",
          "native_extract_all({0}, {1}, {2})", kNone, kSometimes},
    Entry{"indexof_regex", "(text: text, regex: const string): long",
          "native_indexof_regex({0}, {1})", kNone, kSometimes,
          "Where the expression first matches, from 0; -1 when it does not. Then a start, a "
          "length (-1: all) and which match."},
    Entry{"indexof_regex", "(text: text, regex: const string, start: long): long",
          "native_indexof_regex({0}, {1}, {2})", kNone, kSometimes},
    Entry{"indexof_regex", "(text: text, regex: const string, start: long, length: long): long",
          "native_indexof_regex({0}, {1}, {2}, {3})", kNone, kSometimes},
    Entry{"indexof_regex",
          "(text: text, regex: const string, start: long, length: long, match: long): long",
          "native_indexof_regex({0}, {1}, {2}, {3}, {4})", kNone, kSometimes},
    Entry{"regex_quote", "(text: text): string", "native_regex_quote({0})", kNone, kNever,
          "The text as an expression that matches it and nothing else."},
    Entry{"translate", "(from: text, to: text, text: text): string",
          "native_translate({0}, {1}, {2})", kNone, kNever,
          "The text with each character of `from` replaced by that at its place in `to`."},
    Entry{"strrep", "(value: text, count: long): string", "native_strrep({0}, {1}, '')", kNone,
          kSometimes, "So many times the value (up to 1024), with the delimiter between."},
    Entry{"strrep", "(value: text, count: long, delimiter: string): string",
          "native_strrep({0}, {1}, {2})", kNone, kSometimes},
    Entry{"tohex", "(value: long): string", "native_tohex({0}, 0)", Naming::FirstArgument, kNever,
          "The number in hexadecimal, with at least so many digits."},
    Entry{"tohex", "(value: int, digits: long): string",
          "native_tohex({0}::BIGINT & 4294967295, {1})", Naming::FirstArgument, kNever},
    Entry{"tohex", "(value: long, digits: long): string", "native_tohex({0}, {1})",
          Naming::FirstArgument, kNever},
    Entry{"format_bytes", "(size: real): string", "native_format_bytes({0}, 0, '')",
          Naming::FirstArgument, kNever,
          "The size with its unit, of so many digits after the point: 19.08 MB."},
    Entry{"format_bytes", "(size: real, digits: long): string", "native_format_bytes({0}, {1}, '')",
          Naming::FirstArgument, kNever},
    Entry{"format_bytes", "(size: real, digits: long, unit: string): string",
          "native_format_bytes({0}, {1}, {2})", Naming::FirstArgument, kNever},
    Entry{"isascii", "(text: text): bool", "native_isascii({0})", kNone, kNever,
          "Whether every character is of ASCII."},
    Entry{"isutf8", "(text: text): bool", "true", kNone, kNever,
          "True: text always is valid UTF-8 here."},
    Entry{"unicode_codepoints_from_string", "(text: text): dynamic", "native_codepoints({0})",
          kNone, kSometimes, "The numbers of the text's characters in Unicode, as an array."},
    Entry{"unicode_codepoints_to_string", "(codes: dynamic...): string",
          "native_from_codepoints({*})", kNone, kNever,
          "The text of these characters, numbers or arrays of them."},
    Entry{"base64_decode_toarray", "(text: text): dynamic", "native_base64_array({0})", kNone,
          kSometimes, "The bytes that the Base64 holds, as an array; null when it is none."},
    Entry{"hash", "(value: string): long", "native_hash_text({0})", kNone, kNever,
          "xxHash64 of the value, modulo the second argument where there is one."},
    Entry{"hash", "(value: string, modulus: long): long", "native_hash_text({0}, {1})", kNone,
          kSometimes},
    Entry{"hash", "(value: long): long", "native_hash_long({0})", kNone, kNever},
    Entry{"hash", "(value: long, modulus: long): long", "native_hash_long({0}, {1})", kNone,
          kSometimes},
    Entry{"hash", "(value: datetime): long", "native_hash_long({0})", kNone, kNever},
    Entry{"hash", "(value: datetime, modulus: long): long", "native_hash_long({0}, {1})", kNone,
          kSometimes},
    Entry{"hash", "(value: text): long", "native_hash_text({0})", kNone, kNever},
    Entry{"hash", "(value: text, modulus: long): long", "native_hash_text({0}, {1})", kNone,
          kSometimes},
    Entry{"hash_combine", "(hash: long, hashes: long...): long", "native_hash_combine({*})", kNone,
          kNever, "The hashes as one; their order counts. Not the number that Kusto gives."},
    Entry{"replace_strings", "(text: text, lookups: dynamic, rewrites: dynamic): string",
          "native_replace_strings({0}, {1}, {2})", kNone, kSometimes,
          "The text with each lookup replaced by the rewrite at its place, one after the other."},
    Entry{"base64_encode_fromarray", "(bytes: dynamic): string", "native_base64_from_array({0})",
          kNone, kSometimes, "The bytes of the array in Base64."},
    Entry{"base64_encode_fromguid", "(guid: guid): string",
          "base64(unhex(kql_guid_bytes(replace(CAST({0} AS VARCHAR), '-', ''))))", kNone,
          kSometimes,
          "The guid's 16 bytes in Base64, the first three groups of them turned round."},
    Entry{"base64_decode_toguid", "(text: text): guid",
          "TRY_CAST(kql_guid_bytes(TRY(hex(from_base64({0})))) AS UUID)", kNone, kSometimes,
          "The guid of the 16 bytes that the Base64 holds; null when it holds none."},
    Entry{"hash_xxhash64", "(value: text): long", "native_hash_text({0})", kNone, kNever,
          "As hash(), of the value's text."},
    Entry{"hash_sha1", "(value: text): string", "sha1({0})", kNone, Nulls::Propagate,
          "SHA-1 of the value's text, in hexadecimal."},
    Entry{"parse_version", "(text: text): decimal",
          "TRY_CAST(native_version_digits({0}) AS DECIMAL(38,12))", kNone, kSometimes,
          "A number that orders as versions (1.2.3.4) do; up to four parts of six digits."},
};

}  // namespace

std::span<const Entry> encoding_functions() {
  return kEntries;
}

}  // namespace kql::functions
