#include "dissect/ftp/commands.h"

#include <iterator>

#include "base/text.h"
#include "dissect/headers/headers.h"
#include "dissect/names.h"

namespace dissect::ftp {

namespace {

constexpr Command kCommands[] = {
    {"USER", Access::Authentication, "user"},
    {"PASS", Access::Authentication, "", true},
    {"ACCT", Access::Authentication, "", true},
    {"CWD", Access::Read, "folder"},
    {"CDUP", Access::Read, ""},
    {"SMNT", Access::Session, "folder"},
    {"QUIT", Access::Session, ""},
    {"REIN", Access::Session, ""},
    {"PORT", Access::Session, ""},
    {"PASV", Access::Session, ""},
    {"TYPE", Access::Session, ""},
    {"STRU", Access::Session, ""},
    {"MODE", Access::Session, ""},
    {"RETR", Access::File, "file"},
    {"STOR", Access::File, "file"},
    {"STOU", Access::File, "file"},
    {"APPE", Access::File, "file"},
    {"ALLO", Access::File, ""},
    {"REST", Access::Session, ""},
    {"RNFR", Access::File, "file"},
    {"RNTO", Access::File, "file"},
    {"ABOR", Access::Session, ""},
    {"DELE", Access::File, "file"},
    {"RMD", Access::File, "folder"},
    {"MKD", Access::File, "folder"},
    {"PWD", Access::Read, ""},
    {"LIST", Access::Read, "folder"},
    {"NLST", Access::Read, "folder"},
    {"SITE", Access::ConfigWrite, "command"},
    {"SYST", Access::Discovery, ""},
    {"STAT", Access::Diagnostics, "file"},
    {"HELP", Access::Discovery, ""},
    {"NOOP", Access::None, ""},
    {"EPRT", Access::Session, ""},
    {"EPSV", Access::Session, ""},
    {"LPRT", Access::Session, ""},
    {"LPSV", Access::Session, ""},
    {"FEAT", Access::Discovery, ""},
    {"OPTS", Access::Session, "option"},
    {"LANG", Access::Session, "language"},
    {"MDTM", Access::Read, "file"},
    {"SIZE", Access::Read, "file"},
    {"MLST", Access::Read, "file"},
    {"MLSD", Access::Read, "folder"},
    {"MFMT", Access::File, "file"},
    {"AUTH", Access::Authentication, "mechanism"},
    {"ADAT", Access::Authentication, "", true},
    {"PBSZ", Access::Session, ""},
    {"PROT", Access::Session, ""},
    {"CCC", Access::Session, ""},
    {"MIC", Access::None, "", true},
    {"CONF", Access::None, "", true},
    {"ENC", Access::None, "", true},
    {"HOST", Access::Session, "host"},
    {"CLNT", Access::Discovery, "client"},
    {"XCWD", Access::Read, "folder"},
    {"XPWD", Access::Read, ""},
    {"XMKD", Access::File, "folder"},
    {"XRMD", Access::File, "folder"},
    {"XCUP", Access::Read, ""},
    {"XCRC", Access::Read, "file"},
    {"MFCT", Access::File, "file"},
};

constexpr Named kReplies[] = {
    {110, "restart marker"},
    {120, "ready in a while"},
    {125, "transfer starts"},
    {150, "file is opened"},
    {200, "ok"},
    {202, "not needed here"},
    {211, "system status"},
    {212, "folder status"},
    {213, "file status"},
    {214, "help"},
    {215, "system type"},
    {220, "ready"},
    {221, "closing"},
    {225, "data connection is open"},
    {226, "transfer complete"},
    {227, "passive mode"},
    {228, "long passive mode"},
    {229, "extended passive mode"},
    {230, "logged in"},
    {232, "logged in by security exchange"},
    {234, "security exchange complete"},
    {235, "security data accepted"},
    {250, "done"},
    {257, "path"},
    {331, "password needed"},
    {332, "account needed"},
    {334, "security exchange goes on"},
    {350, "more needed"},
    {421, "service closes"},
    {425, "no data connection"},
    {426, "transfer aborted"},
    {430, "invalid user or password"},
    {431, "security resource unavailable"},
    {434, "host unavailable"},
    {450, "file busy"},
    {451, "local error"},
    {452, "no space"},
    {500, "command unknown"},
    {501, "arguments wrong"},
    {502, "not implemented"},
    {503, "wrong order"},
    {504, "argument not implemented"},
    {522, "network protocol unknown"},
    {530, "not logged in"},
    {532, "account needed to store"},
    {533, "protection refused"},
    {534, "refused by policy"},
    {535, "security check failed"},
    {536, "protection level unknown"},
    {550, "file unavailable"},
    {551, "page type unknown"},
    {552, "quota exceeded"},
    {553, "file name not allowed"},
};
static_assert(sorted_by_code(kReplies));

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Six numbers at the beginning of the text.
DataEnd six_numbers(std::string_view text) {
  DataEnd end;
  std::size_t at = 0;
  std::size_t address = 0;
  std::uint32_t numbers[6] = {};
  for (std::size_t i = 0; i < 6; ++i) {
    std::size_t digits = 0;
    while (at < text.size() && digit(text[at]) && digits < 4) {
      numbers[i] = numbers[i] * 10 + static_cast<std::uint32_t>(text[at] - '0');
      ++at;
      ++digits;
    }
    if (digits == 0 || numbers[i] > 255) return end;
    if (i == 3) address = at;
    if (i == 5) break;
    if (at >= text.size() || text[at] != ',') return end;
    ++at;
  }
  end.good = true;
  end.address = text.substr(0, address);
  end.port = static_cast<std::uint16_t>(numbers[4] << 8U | numbers[5]);
  return end;
}

}  // namespace

std::optional<std::uint32_t> command_of(std::string_view name) {
  for (std::uint32_t i = 0; i < std::size(kCommands); ++i) {
    if (base::equal_ignore_case(kCommands[i].name, name)) return i;
  }
  return std::nullopt;
}

const Command& command(std::uint32_t code) {
  return kCommands[code];
}

std::string_view reply_name(std::uint32_t code) {
  return name_of(kReplies, code);
}

DataEnd data_end(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!digit(text[at]) || (at > 0 && digit(text[at - 1]))) continue;
    const DataEnd end = six_numbers(text.substr(at));
    if (end.good) return end;
  }
  return {};
}

DataEnd extended_end(std::string_view text) {
  if (text.size() < 5) return {};
  const char mark = text[0];
  std::string_view parts[3];
  std::size_t at = 1;
  for (std::string_view& part : parts) {
    const std::size_t next = text.find(mark, at);
    if (next == std::string_view::npos) return {};
    part = text.substr(at, next - at);
    at = next + 1;
  }
  const auto port = headers::number(parts[2]);
  if (!port || *port == 0 || *port > 0xffff) return {};
  return {true, static_cast<std::uint16_t>(*port), parts[1]};
}

}  // namespace dissect::ftp
