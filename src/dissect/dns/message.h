#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dissect/protocol.h"

namespace dissect::dns {

// Which of the protocols of one format.
enum class Flavor : std::uint8_t { Dns, Mdns, Llmnr, Nbns };

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
  std::uint16_t authorities = 0;
  std::uint16_t additionals = 0;

  bool response() const { return (flags & 0x8000U) != 0; }
  std::uint8_t opcode() const { return flags >> 11U & 15U; }
  std::uint8_t code() const { return flags & 15U; }
};
inline constexpr std::size_t kHeaderSize = 12;

Header read_header(base::ByteView message);

// What a type of record is called: "A", "AAAA"; "other" when it has no name here.
std::string_view type_name(std::uint16_t type);
bool known_type(std::uint16_t type);

// Takes messages of one flow apart. Keeps only room for names between messages.
class Walker {
 public:
  explicit Walker(Flavor flavor) : flavor_(flavor) {}

  // `message` without the length that TCP puts before it.
  void take(base::ByteView message, const Pdu& pdu, Sink& sink);

 private:
  struct Record {
    std::uint16_t type = 0;
    std::uint16_t type_class = 0;
    std::uint32_t ttl = 0;
    std::size_t at = 0;  // of the data
    std::size_t size = 0;
    base::ByteView data;
  };

  bool question(base::ByteView message, std::size_t& offset, bool first, Sink& sink);
  bool record(base::ByteView message, std::size_t& offset, bool answer, Sink& sink);
  bool name(base::ByteView message, std::size_t& offset, std::string& out, Sink& sink) const;
  void address(const Record& record, bool answer, Sink& sink);
  void service(base::ByteView message, const Record& record, Sink& sink);
  void pointer(base::ByteView message, const Record& record, bool answer, Sink& sink);
  void start_of_authority(base::ByteView message, const Record& record, Sink& sink);
  void mail_exchange(base::ByteView message, const Record& record, Sink& sink);
  void texts(const Record& record, Sink& sink);
  void host_information(const Record& record, Sink& sink);
  void extension(const Record& record, Sink& sink);
  void netbios_addresses(const Record& record, Sink& sink);
  void netbios_status(const Record& record, Sink& sink);
  void data(base::ByteView message, const Record& record, bool answer, Sink& sink);
  void tell_about(const IpAddress& ip, std::string_view hostname, Confidence confidence,
                  Sink& sink) const;
  void tell_service(std::string_view name, Sink& sink);
  void tell_message(const Header& header, const Pdu& pdu, Sink& sink);

  Flavor flavor_;
  // Of the message at hand.
  Header header_;
  const Pdu* pdu_ = nullptr;
  std::uint16_t query_type_ = 0;
  bool unknown_type_told_ = false;
  // Room for names.
  std::string asked_;
  std::string owner_;
  std::string other_;
  std::string netbios_;
};

}  // namespace dissect::dns
