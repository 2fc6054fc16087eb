#include "agent/logins/peer.h"

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

#include <arpa/inet.h>

#include "base/text.h"
#include "os/file.h"

namespace agent::logins {

namespace {

constexpr std::size_t kMaxTable = 16U << 20U;
constexpr std::size_t kMaxDescriptors = 256;
constexpr std::string_view kEstablished = "01";

struct End {
  std::string address;
  std::string port;
};

// "0100007F:0016": words in the machine's own byte order.
std::optional<End> read_end(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    const char* const at = text.data() + i * 8;
    const auto [end, error] = std::from_chars(at, at + 8, words[i], 16);
    if (error != std::errc() || end != at + 8) return std::nullopt;
  }
  std::uint16_t port = 0;
  const std::string_view port_text = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port, 16);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> out{};
  const int family = colon == 8 ? AF_INET : AF_INET6;
  if (::inet_ntop(family, words.data(), out.data(), out.size()) == nullptr) return std::nullopt;
  std::string_view address = out.data();
  if (address.starts_with("::ffff:") && address.find('.') != std::string_view::npos)
    address.remove_prefix(7);
  return End{std::string(address), std::to_string(port)};
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (const std::string_view word : base::split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

std::set<std::uint64_t> sockets_of(const std::string& folder) {
  std::set<std::uint64_t> inodes;
  std::error_code error;
  std::size_t seen = 0;
  for (std::filesystem::directory_iterator entry(folder + "/fd", error), end;
       !error && entry != end && ++seen <= kMaxDescriptors; entry.increment(error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry->path(), gone).string();
    constexpr std::string_view kBegin = "socket:[";
    if (gone || !target.starts_with(kBegin)) continue;
    const auto inode = base::parse_int(
        std::string_view(target).substr(kBegin.size(), target.size() - kBegin.size() - 1));
    if (inode && *inode > 0) inodes.insert(static_cast<std::uint64_t>(*inode));
  }
  return inodes;
}

}  // namespace

std::optional<Connection> find_connection(std::string_view table,
                                          const std::set<std::uint64_t>& inodes) {
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    const auto words = words_of(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    // sl local remote state queues timer retransmits uid timeout inode
    if (words.size() < 10 || words[3] != kEstablished) continue;
    const auto inode = base::parse_int(words[9]);
    if (!inode || *inode <= 0 || !inodes.contains(static_cast<std::uint64_t>(*inode))) continue;
    const auto local = read_end(words[1]);
    const auto remote = read_end(words[2]);
    if (local && remote)
      return Connection{local->address, local->port, remote->address, remote->port};
  }
  return std::nullopt;
}

std::optional<Connection> connection_of(std::uint32_t pid, const std::string& proc) {
  const std::string folder = proc + "/" + std::to_string(pid);
  const auto inodes = sockets_of(folder);
  if (inodes.empty()) return std::nullopt;
  for (const char* table : {"/net/tcp", "/net/tcp6"}) {
    const auto text = os::read_file(folder + table, kMaxTable);
    if (!text) continue;
    if (auto connection = find_connection(*text, inodes)) return connection;
  }
  return std::nullopt;
}

}  // namespace agent::logins
