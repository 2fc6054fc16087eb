#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/ber/ber.h"
#include "dissect/message.h"
#include "dissect/sink.h"

namespace dissect::ldap {

// Application tags of operations. Source: RFC 4511 section 4.2 and following.
enum Operation : std::uint32_t {
  kBindRequest = 0,
  kBindResponse = 1,
  kUnbind = 2,
  kSearchRequest = 3,
  kSearchEntry = 4,
  kSearchDone = 5,
  kModifyRequest = 6,
  kModifyResponse = 7,
  kAddRequest = 8,
  kAddResponse = 9,
  kDeleteRequest = 10,
  kDeleteResponse = 11,
  kRenameRequest = 12,
  kRenameResponse = 13,
  kCompareRequest = 14,
  kCompareResponse = 15,
  kAbandon = 16,
  kSearchReference = 19,
  kExtendedRequest = 23,
  kExtendedResponse = 24,
  kIntermediate = 25,
};

// What was read of one operation. Texts are printable.
struct Read {
  // In: the message is longer than is kept, and its operation ends before it should. Of an entry
  // and its attributes what is there is read, of other operations nothing.
  bool cut = false;
  std::string entry;
  std::string filter;
  std::string user;
  std::string_view mechanism;      // of a login; a literal
  std::string_view extended_name;  // a literal; empty: not known
  Access extended_access = Access::None;
  std::uint32_t result = 0;
  bool has_result = false;
  std::uint32_t bytes = 0;
};

// One operation; false when it is none. Its fields are told as details, what it says of its sender
// as evidence.
bool read_operation(const ber::Element& operation, Read& read, Sink& sink);

std::string_view operation_name(std::uint32_t operation);
Access operation_access(std::uint32_t operation);
// "busy"; empty: not known. Source: RFC 4511 appendix A, RFC 3909.
std::string_view result_name(std::uint32_t code);

// A search's filter as text: "(&(objectClass=user)(cn=a*))". What is too deep or too long is "...".
// Its parts are told as details.
std::string read_filter(const ber::Element& filter, Sink& sink);

// What a domain controller says to who looks for one: attribute "netlogon" of an answer over UDP.
// Source: MS-ADTS section 6.3.1.
void read_netlogon(base::ByteView value, Sink& sink);

}  // namespace dissect::ldap
