#include "dissect/smb/state.h"

#include <algorithm>
#include <cctype>
#include <limits>

namespace dissect::smb {

namespace {

constexpr int kMaxFragments = 16;

}  // namespace

rpc::Association& Pipes::of(std::uint64_t file) {
  for (Pipe& pipe : pipes_) {
    if (pipe.association != nullptr && pipe.file == file) return *pipe.association;
  }
  Pipe& pipe = pipes_[next_];
  next_ = (next_ + 1) % kPipes;
  pipe.file = file;
  pipe.association = std::make_unique<rpc::Association>(++opened_);
  return *pipe.association;
}

void Pipes::data(std::uint64_t file, base::ByteView bytes, Sink& sink) {
  for (int i = 0; i < kMaxFragments && bytes.size() >= rpc::kHeader; ++i) {
    const Match match = rpc::match(bytes);
    if (match == Match::No) return;
    const Frame frame = rpc::frame(bytes);
    if (frame.kind != Frame::Kind::Pdu) return;
    // A read may end within a fragment, whose rest the next one brings.
    of(file).take(bytes.first(std::min(bytes.size(), frame.size)),
                  std::numeric_limits<std::size_t>::max(), sink);
    if (bytes.size() <= frame.size) return;
    bytes = bytes.subspan(frame.size);
  }
}

bool is_host_name(std::string_view text) {
  const bool letter = std::ranges::any_of(
      text, [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
  const bool plain = std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
  });
  return letter && plain && text.front() != '*';
}

std::string share_of(const std::string& path, Sink& sink) {
  if (!path.starts_with("\\\\")) return path;
  const std::size_t end = path.find('\\', 2);
  if (end == std::string::npos) return path;
  const std::string_view host = std::string_view(path).substr(2, end - 2);
  if (!host.empty() && is_host_name(host)) {
    Evidence named;
    named.about = About::Receiver;
    named.fact = Fact::Hostname;
    named.confidence = Confidence::Banner;
    named.value = host;
    sink.evidence(named);
  }
  return path.substr(end + 1);
}

bool may_be_pipe(const std::string* share) {
  return share == nullptr || *share == "IPC$" || *share == "ipc$" || *share == "Ipc$";
}

}  // namespace dissect::smb
