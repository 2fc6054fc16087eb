#include "agent/files/notice.h"

#include <linux/fanotify.h>
#include <sys/inotify.h>

namespace agent::files {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMetadataBytes = 24;
constexpr std::size_t kInfoHeaderBytes = 4;
constexpr std::size_t kMaxHandleBytes = 128;

struct Place {
  FolderId folder;
  std::string name;
};

// A record with fsid, handle and name.
Result<Place> read_place(Cursor cursor) {
  const std::uint64_t fsid = TRY(cursor.u64le());
  const std::uint32_t bytes = TRY(cursor.u32le());
  const auto type = static_cast<std::int32_t>(TRY(cursor.u32le()));
  if (bytes > kMaxHandleBytes) return fail(Code::Malformed, "fanotify handle");
  Place place;
  place.folder = folder_id(fsid, type, TRY(cursor.bytes(bytes)));
  const std::string_view name = base::as_text(cursor.rest());
  place.name = name.substr(0, name.find('\0'));
  return place;
}

Result<void> read_info(Cursor infos, Notice& notice) {
  while (infos.remaining() >= kInfoHeaderBytes) {
    const std::uint8_t type = TRY(infos.u8());
    TRY(infos.skip(1));
    const std::uint16_t length = TRY(infos.u16le());
    if (length < kInfoHeaderBytes) return fail(Code::Malformed, "fanotify record");
    const Cursor info = TRY(infos.sub(length - kInfoHeaderBytes));
    switch (type) {
      case FAN_EVENT_INFO_TYPE_DFID_NAME:
      case FAN_EVENT_INFO_TYPE_DFID:
      case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: {
        Place place = TRY(read_place(info));
        notice.folder = std::move(place.folder);
        notice.name = std::move(place.name);
        break;
      }
      case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: {
        Place place = TRY(read_place(info));
        notice.new_folder = std::move(place.folder);
        notice.new_name = std::move(place.name);
        break;
      }
      default:
        break;
    }
  }
  return {};
}

constexpr std::pair<std::uint32_t, std::uint64_t> kInotify[] = {
    {IN_CREATE, FAN_CREATE},           {IN_DELETE, FAN_DELETE},
    {IN_CLOSE_WRITE, FAN_CLOSE_WRITE}, {IN_ATTRIB, FAN_ATTRIB},
    {IN_MOVED_FROM, FAN_MOVED_FROM},   {IN_MOVED_TO, FAN_MOVED_TO},
    {IN_DELETE_SELF, FAN_DELETE_SELF}, {IN_MOVE_SELF, FAN_MOVE_SELF},
    {IN_Q_OVERFLOW, FAN_Q_OVERFLOW},   {IN_ISDIR, FAN_ONDIR}};

}  // namespace

Result<void> read_fanotify(base::ByteView bytes,
                           const std::function<void(const Notice&)>& on_notice) {
  Cursor cursor(bytes);
  while (!cursor.done()) {
    const std::uint32_t length = TRY(cursor.u32le());
    if (length < kMetadataBytes) return fail(Code::Malformed, "fanotify event");
    Cursor event = TRY(cursor.sub(length - 4));
    const std::uint8_t version = TRY(event.u8());
    if (version != FANOTIFY_METADATA_VERSION)
      return fail(Code::Unsupported, "fanotify version", version);
    TRY(event.skip(1));
    const std::uint16_t metadata = TRY(event.u16le());
    if (metadata < kMetadataBytes) return fail(Code::Malformed, "fanotify event");
    Notice notice;
    notice.mask = TRY(event.u64le());
    TRY(event.skip(4));  // a descriptor, which events with handles have not
    notice.pid = TRY(event.u32le());
    TRY(event.skip(metadata - kMetadataBytes));
    TRY(read_info(event, notice));
    on_notice(notice);
  }
  return {};
}

Result<void> read_inotify(base::ByteView bytes,
                          const std::function<void(const Notice&)>& on_notice) {
  Cursor cursor(bytes);
  while (!cursor.done()) {
    Notice notice;
    const std::uint32_t watch = TRY(cursor.u32le());
    const std::uint32_t mask = TRY(cursor.u32le());
    notice.cookie = TRY(cursor.u32le());
    const std::string_view name = base::as_text(TRY(cursor.bytes(TRY(cursor.u32le()))));
    notice.name = name.substr(0, name.find('\0'));
    if ((mask & IN_Q_OVERFLOW) == 0) notice.folder = std::to_string(watch);
    for (const auto& [theirs, ours] : kInotify) {
      if ((mask & theirs) != 0) notice.mask |= ours;
    }
    on_notice(notice);
  }
  return {};
}

FolderId folder_id(std::uint64_t fsid, std::int32_t handle_type, base::ByteView handle) {
  base::ByteWriter out;
  out.u64le(fsid);
  out.u32le(static_cast<std::uint32_t>(handle_type));
  out.bytes(handle);
  return std::string(base::as_text(out.view()));
}

}  // namespace agent::files
