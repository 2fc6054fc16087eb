#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"

// Where lists of identities lie that jobs read and write: what Azure has storage accounts for.
namespace hub::jobs {

struct ContainerOptions {
  std::string path;                                  // the SQLite file, made when absent
  std::string folder;                                // of the contents, made when absent
  std::chrono::seconds life = std::chrono::days(1);  // of a container and of its link
  std::size_t max_containers = 32;
  std::uint64_t max_file_bytes = 2ULL << 30U;   // of one blob
  std::uint64_t max_total_bytes = 8ULL << 30U;  // of all; more are refused
  std::function<base::WallTime()> now = base::wall_now;
};

struct Container {
  std::string name;  // given by us
  std::string actor;
  base::WallTime created;
  base::WallTime expires;
};

struct BlobFile {
  std::string name;
  std::uint64_t bytes = 0;
  base::WallTime modified;
};

// What the address of a container or of a blob in it says:
// /job-containers/NAME[/BLOB]?se=..&sig=.., with or without a host before it.
struct ContainerTarget {
  std::string container;
  std::string blob;  // empty: the container itself
  std::string expiry;
  std::string signature;  // decoded from base64
  std::string operation;  // comp=..: block, blocklist, list; empty: none
  std::string block_id;   // decoded from base64
};

inline constexpr std::string_view kContainers = "job-containers";

// May a blob be called so: letters, digits, '.', '-' and '_', no '.' in front, at most 64?
bool is_blob_name(std::string_view name);
// Is the target of a request one for containers?
bool is_container_target(std::string_view target);
// Errors: Invalid (the detail is a code of the storage service). Threads: pure.
base::Result<ContainerTarget> read_container_target(std::string_view target);

// A blob, or a block of one, on its way to the disk; dropped when it is destroyed before commit().
// Threads: one at a time.
class ArrivingBlob {
 public:
  ~ArrivingBlob();
  ArrivingBlob(const ArrivingBlob&) = delete;
  ArrivingBlob& operator=(const ArrivingBlob&) = delete;

  // Errors: TooLarge (max_file_bytes), Full (max_total_bytes, or the disk), Io.
  base::Result<void> write(base::ByteView bytes);
  // Durable, and seen by others, when it returns. Errors: as write(); NotFound (the container is
  // gone); for a block list Malformed (its XML), Invalid (a block that was never sent).
  base::Result<void> commit();

 private:
  friend class Containers;
  struct State;
  explicit ArrivingBlob(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Containers are folders with files, their links signed with a secret of the hub. Errors carry
// codes of the storage service as details where its clients see them. Calls wait for the disk.
// Threads: any.
class Containers {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Containers>> open(ContainerOptions options);
  ~Containers();
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  // Errors: Full (max_containers, or the disk), those of the store.
  base::Result<Container> create(std::string_view actor);
  // Path and query by which whoever has it may read and write the container: a secret.
  std::string link(const Container& container) const;
  // Errors: Denied (the signature), Expired, NotFound (the container is gone).
  base::Result<void> check(const ContainerTarget& target) const;
  base::Result<std::vector<Container>> list() const;
  // With all that is in it. Errors: NotFound.
  base::Result<void> remove(std::string_view name);

  // The rest is for who has been checked. Errors: NotFound, Invalid (the name of a blob).
  base::Result<std::vector<BlobFile>> blobs(std::string_view container) const;
  struct OpenBlob {
    os::Fd file;
    BlobFile info;
  };
  base::Result<OpenBlob> read(std::string_view container, std::string_view blob) const;
  base::Result<void> remove_blob(std::string_view container, std::string_view blob);
  // As the target's operation says: a whole blob, a block, or a list of blocks.
  // Errors: Unsupported operations are Invalid.
  base::Result<std::unique_ptr<ArrivingBlob>> receive(const ContainerTarget& target);

  // Removes containers whose time is over. Called every few seconds.
  base::Result<void> maintain();
  std::uint64_t total_bytes() const;

  struct State;  // shared with what is on its way

 private:
  explicit Containers(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::jobs
