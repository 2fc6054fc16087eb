#include <fcntl.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/text.h"
#include "hub/uploads/uploads_state.h"
#include "os/file.h"

namespace hub::uploads {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kCopyBytes = 256 * 1024;
constexpr std::size_t kMaxShownId = 64;

std::uint64_t size_of_file(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return base::fail_errno("rename", to);
  return {};
}

// What a content is made of.
struct Sum {
  base::Sha256Stream hash;
  std::uint64_t bytes = 0;
};

Result<void> append_file(const std::string& from, int to, Sum& sum) {
  const os::Fd file = TRY(os::open_file(from, O_RDONLY));
  base::ByteVec buffer(kCopyBytes);
  for (std::uint64_t at = 0;;) {
    const std::size_t count = TRY(os::read_at(file.get(), buffer, at));
    if (count == 0) return {};
    const base::ByteView piece(buffer.data(), count);
    TRY(os::write_all(to, piece));
    sum.hash.add(piece);
    sum.bytes += count;
    at += count;
  }
}

}  // namespace

// Bytes go into a file of their own, which commit() gives its name.
struct Incoming::State {
  std::shared_ptr<Uploads::State> uploads;
  BlobRequest request;
  os::Fd file;
  std::string path;
  std::string list;  // the body of PutBlockList, which is no content
  Sum sum;
  bool committed = false;
  operations::Record record;  // of who sends
  Upload stored;

  std::string folder() const { return uploads->folder_of(request.upload_id); }
  std::string block_path(std::string_view block_id) const {
    return folder() + "/" + base::hex_encode(base::as_bytes(block_id)) + ".block";
  }
  Result<void> open();
  Result<void> store(base::ByteView bytes);
  Result<void> commit_block();
  Result<void> commit_content(std::string_view content_type);
  Result<void> commit_list(std::string_view content_type);
  Result<void> join(const std::vector<std::string>& blocks);
  void drop_blocks();
};

Result<void> Incoming::State::open() {
  if (request.verb == BlobVerb::PutBlockList) return {};
  TRY(os::make_dirs(folder()));
  path = folder() + "/part." + std::to_string(uploads->last_part.fetch_add(1));
  file = TRY(os::open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  return {};
}

Result<void> Incoming::State::store(base::ByteView bytes) {
  if (sum.bytes + bytes.size() > uploads->options.max_file_bytes)
    return fail(Code::TooLarge, "upload", -1, "RequestBodyTooLarge");
  TRY(uploads->reserve(request.upload_id, bytes.size()));
  sum.bytes += bytes.size();
  sum.hash.add(bytes);
  TRY(os::write_all(file.get(), bytes));
  uploads->counters.bytes.add(bytes.size());
  return {};
}

Result<void> Incoming::State::commit_block() {
  const std::string block = block_path(request.block_id);
  const std::uint64_t replaced = size_of_file(block);
  {
    const std::lock_guard lock(uploads->mutex);
    const Upload upload = TRY(uploads->find(request.upload_id));
    if (upload.stage != Stage::Open) return fail(Code::NotFound, "upload", -1, "ResourceNotFound");
    TRY(rename_file(path, block));
    committed = true;
  }
  uploads->give_back(request.upload_id, replaced);
  return {};
}

// The part is the whole content now.
Result<void> Incoming::State::commit_content(std::string_view content_type) {
  TRY(os::sync_data(file.get()));
  const std::string content = uploads->content_of(request.upload_id);
  const std::uint64_t replaced = size_of_file(content);
  {
    const std::lock_guard lock(uploads->mutex);
    Upload upload = TRY(uploads->find(request.upload_id));
    if (upload.stage != Stage::Open) return fail(Code::NotFound, "upload", -1, "ResourceNotFound");
    TRY(rename_file(path, content));
    committed = true;
    TRY(os::sync_dir(folder()));
    upload.bytes = sum.bytes;
    upload.sha256 = base::hex_encode(sum.hash.finish());
    upload.content_type = base::to_utf8(content_type.substr(0, 256));
    TRY(uploads->set_content(upload));
    stored = std::move(upload);
  }
  uploads->give_back(request.upload_id, replaced);
  return {};
}

Result<void> Incoming::State::join(const std::vector<std::string>& blocks) {
  std::uint64_t bytes = 0;
  for (const std::string& block : blocks) {
    const std::string from = block_path(block);
    if (!os::file_exists(from)) return fail(Code::Invalid, "block list", -1, "InvalidBlockList");
    bytes += size_of_file(from);
  }
  if (bytes > uploads->options.max_file_bytes)
    return fail(Code::TooLarge, "upload", -1, "RequestBodyTooLarge");
  TRY(os::make_dirs(folder()));
  path = folder() + "/part." + std::to_string(uploads->last_part.fetch_add(1));
  file = TRY(os::open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  for (const std::string& block : blocks)
    TRY(append_file(block_path(block), file.get(), sum));
  return {};
}

void Incoming::State::drop_blocks() {
  const auto names = os::list_dir(folder());
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.ends_with(".block")) continue;
    const std::string block = folder() + "/" + name;
    const std::uint64_t bytes = size_of_file(block);
    if (os::remove_file(block)) uploads->give_back(request.upload_id, bytes);
  }
}

Result<void> Incoming::State::commit_list(std::string_view content_type) {
  const auto blocks = TRY(read_block_list(list));
  const std::lock_guard one(uploads->commits);
  TRY(join(blocks));
  // The copy takes the place of the blocks, which go at once; the two never count together.
  uploads->add_unchecked(request.upload_id, sum.bytes);
  TRY(commit_content(content_type));
  drop_blocks();
  return {};
}

Incoming::Incoming(std::unique_ptr<State> state) : state_(std::move(state)) {}

Incoming::~Incoming() {
  if (state_->committed || state_->path.empty()) return;
  state_->file.reset();
  (void)os::remove_file(state_->path);
  state_->uploads->give_back(state_->request.upload_id, state_->sum.bytes);
}

Result<void> Incoming::write(base::ByteView bytes) {
  State& state = *state_;
  if (state.request.verb == BlobVerb::PutBlockList) {
    if (state.list.size() + bytes.size() > kMaxBlockList)
      return fail(Code::TooLarge, "block list", -1, "RequestBodyTooLarge");
    state.list += base::as_text(bytes);
    return {};
  }
  const auto written = state.store(bytes);
  if (!written) {
    state.stored.id = state.request.upload_id;
    state.uploads->record(std::move(state.record), "putBlob", state.stored, written);
  }
  return written;
}

Result<void> Incoming::commit(std::string_view content_type) {
  State& state = *state_;
  if (state.request.verb == BlobVerb::PutBlock) return state.commit_block();
  const auto committed = state.request.verb == BlobVerb::PutBlob
                             ? state.commit_content(content_type)
                             : state.commit_list(content_type);
  if (state.stored.id.empty()) state.stored.id = state.request.upload_id;
  state.uploads->record(std::move(state.record), "putBlob", state.stored, committed);
  return committed;
}

Result<std::unique_ptr<Incoming>> Uploads::receive(const BlobRequest& request,
                                                   operations::Record record) {
  const auto allowed = state_->check_link(request);
  if (!allowed) {
    state_->counters.refused.add();
    Upload claimed;
    claimed.id = base::to_utf8(request.upload_id.substr(0, kMaxShownId));
    if (allowed.error().code == Code::Denied) record.reason = operations::Reason::SasSignature;
    if (allowed.error().code == Code::Expired) record.reason = operations::Reason::SasExpired;
    state_->record(std::move(record), "putBlob", claimed, allowed);
    return std::unexpected(allowed.error());
  }
  auto incoming = std::make_unique<Incoming::State>();
  incoming->uploads = state_;
  incoming->request = request;
  incoming->record = std::move(record);
  TRY(incoming->open());
  return std::unique_ptr<Incoming>(new Incoming(std::move(incoming)));
}

}  // namespace hub::uploads
