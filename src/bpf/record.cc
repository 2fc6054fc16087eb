#include "bpf/record.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"
#include "bpf/event.h"

namespace bpf {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

// Records never leave the machine: its byte order is theirs. The integers lie as event.h lays them.
static_assert(std::endian::native == std::endian::little,
              "big-endian hosts need the other readers");

// A fixed field of characters, up to its NUL.
Result<std::string_view> fixed_text(Cursor& cursor, std::size_t size) {
  const std::string_view field = base::as_text(TRY(cursor.bytes(size)));
  return field.substr(0, field.find('\0'));
}

// A section, without the NUL that ends it.
Result<std::string_view> section_text(Cursor& cursor, std::size_t size) {
  std::string_view text = base::as_text(TRY(cursor.bytes(size)));
  if (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  return text;
}

struct Start {
  std::uint16_t kind = 0;
  std::uint16_t flags = 0;
  Head head;
};

Result<Start> read_head(Cursor& cursor) {
  Start start;
  start.kind = TRY(cursor.u16le());
  start.flags = TRY(cursor.u16le());
  start.head.process.pid = TRY(cursor.u32le());
  start.head.at = TRY(cursor.u64le());
  start.head.process.start = TRY(cursor.u64le());
  start.head.parent.pid = TRY(cursor.u32le());
  TRY(cursor.skip(4));
  start.head.parent.start = TRY(cursor.u64le());
  return start;
}

void apply_flags(Exec& exec, std::uint16_t flags) {
  exec.argv_unreadable = (flags & VEDETTE_ARGV_UNREADABLE) != 0;
  exec.exe_truncated = (flags & VEDETTE_EXE_TRUNCATED) != 0;
  exec.cwd_truncated = (flags & VEDETTE_CWD_TRUNCATED) != 0;
  exec.cgroup_truncated = (flags & VEDETTE_CGROUP_TRUNCATED) != 0;
  exec.exe_unlinked = (flags & VEDETTE_EXE_UNLINKED) != 0;
  exec.cwd_unlinked = (flags & VEDETTE_CWD_UNLINKED) != 0;
  exec.loginuid_known = (flags & VEDETTE_LOGINUID_KNOWN) != 0;
}

Result<void> read_ids(Cursor& cursor, Exec& exec) {
  exec.cgroup_id = TRY(cursor.u64le());
  ExecutableFile& file = exec.exe_file;
  file.inode = TRY(cursor.u64le());
  file.size = TRY(cursor.u64le());
  file.mtime = static_cast<std::int64_t>(TRY(cursor.u64le()));
  file.ctime = static_cast<std::int64_t>(TRY(cursor.u64le()));
  for (std::uint32_t* part :
       {&file.mtime_nanoseconds, &file.ctime_nanoseconds, &file.device_major, &file.device_minor}) {
    *part = TRY(cursor.u32le());
  }
  for (std::uint32_t* id : {&exec.uid, &exec.gid, &exec.euid, &exec.loginuid, &exec.session,
                            &exec.pid_ns, &exec.mnt_ns, &exec.argc, &exec.argv_bytes}) {
    *id = TRY(cursor.u32le());
  }
  return {};
}

Result<void> read_sections(Cursor& cursor,
                           const std::array<std::uint16_t, VEDETTE_SECTIONS>& lengths, Exec& exec) {
  exec.argv = base::as_text(TRY(cursor.bytes(lengths[VEDETTE_ARGV])));
  exec.exe = base::as_text(TRY(cursor.bytes(lengths[VEDETTE_EXE])));
  exec.file = TRY(section_text(cursor, lengths[VEDETTE_FILE]));
  exec.interp = TRY(section_text(cursor, lengths[VEDETTE_INTERP]));
  exec.cwd = base::as_text(TRY(cursor.bytes(lengths[VEDETTE_CWD])));
  exec.cgroup = base::as_text(TRY(cursor.bytes(lengths[VEDETTE_CGROUP])));
  return {};
}

Result<Record> read_exec(Cursor& cursor, const Start& start) {
  Exec exec;
  exec.head = start.head;
  apply_flags(exec, start.flags);
  TRY(read_ids(cursor, exec));
  std::array<std::uint16_t, VEDETTE_SECTIONS> lengths{};
  for (std::uint16_t& length : lengths)
    length = TRY(cursor.u16le());
  exec.comm = TRY(fixed_text(cursor, VEDETTE_COMM));
  exec.tty = TRY(fixed_text(cursor, VEDETTE_TTY));
  TRY(read_sections(cursor, lengths, exec));
  const bool cut = (start.flags & VEDETTE_ARGV_TRUNCATED) != 0;
  exec.argv_head =
      cut ? std::min<std::size_t>(exec.argv.size(), VEDETTE_ARGV_HEAD) : exec.argv.size();
  return exec;
}

Result<Record> read_exit(Cursor& cursor, const Start& start) {
  Exit exit;
  exit.head = start.head;
  exit.status = static_cast<std::int32_t>(TRY(cursor.u32le()));
  exit.uid = TRY(cursor.u32le());
  exit.comm = TRY(fixed_text(cursor, VEDETTE_COMM));
  return exit;
}

}  // namespace

Result<Record> read_record(base::ByteView bytes) {
  Cursor cursor(bytes);
  const Start start = TRY(read_head(cursor));
  switch (start.kind) {
    case VEDETTE_EXEC:
      return read_exec(cursor, start);
    case VEDETTE_FORK:
      return Fork{start.head};
    case VEDETTE_EXIT:
      return read_exit(cursor, start);
    default:
      return fail(Code::Malformed, "ring record", 0, "unknown kind");
  }
}

std::string path_of_names(std::string_view names) {
  if (!names.empty() && names.back() == '\0') names.remove_suffix(1);
  if (names.empty()) return "/";
  // As many separators as there are NULs, and the one in front.
  std::string path(names.size() + 1, '/');
  std::size_t end = path.size();
  for (const std::string_view name : base::split(names, '\0')) {
    end -= name.size();
    name.copy(path.data() + end, name.size());
    --end;
  }
  return path;
}

}  // namespace bpf
