#include "hub/jobs/transfer.h"

#include <array>

#include "base/text.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/description.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::array<std::string_view, 2> kKinds = {"import", "export"};
constexpr std::string_view kBlob = "devices.txt";

std::unexpected<base::Error> wrong(std::string detail) {
  return fail(Code::Invalid, "job", -1, std::move(detail));
}

Result<std::string> text(const Value& body, std::string_view name) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return std::string();
  if (const auto* found = member->if_string()) return *found;
  return wrong(std::string(name) + ": expected text");
}

Result<bool> flag(const Value& body, std::string_view name) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return false;
  if (const bool* found = member->if_bool()) return *found;
  return wrong(std::string(name) + ": expected true or false");
}

Result<TransferKind> read_kind(const Value& body) {
  const std::string_view type = body.text_or("type", "");
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (base::equal_ignore_case(type, kKinds[i])) return static_cast<TransferKind>(i);
  }
  return wrong("type: expected import or export");
}

Result<BlobPlace> read_place(const Value& body, std::string_view container, std::string_view blob) {
  BlobPlace place{TRY(text(body, container)), TRY(text(body, blob))};
  if (place.container.empty()) return wrong(std::string(container) + " is missing");
  if (place.blob.empty()) place.blob = kBlob;
  return Result<BlobPlace>(std::in_place, std::move(place));
}

void write_place(Writer& writer, std::string_view base, std::string_view container_name,
                 std::string_view blob_name, const BlobPlace& place) {
  std::string uri(base);
  uri.append("/").append(kContainers).append("/").append(place.container);
  writer.field(container_name, uri);
  writer.field(blob_name, place.blob);
}

}  // namespace

std::string_view to_string(TransferKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

Result<Transfer> read_transfer(const Value& body) {
  if (body.if_object() == nullptr) return wrong("expected an object");
  Transfer transfer;
  transfer.kind = TRY(read_kind(body));
  if (transfer.kind == TransferKind::Import)
    transfer.input = TRY(read_place(body, "inputBlobContainerUri", "inputBlobName"));
  transfer.output = TRY(read_place(body, "outputBlobContainerUri", "outputBlobName"));
  transfer.exclude_keys = TRY(flag(body, "excludeKeysInExport"));
  if (TRY(flag(body, "includeConfigurations")))
    return wrong("includeConfigurations: lists hold identities only");
  const std::string proof = TRY(text(body, "storageAuthenticationType"));
  if (!proof.empty() && !base::equal_ignore_case(proof, "keyBased"))
    return wrong("storageAuthenticationType: expected keyBased");
  return Result<Transfer>(std::in_place, std::move(transfer));
}

void write_transfer(Writer& writer, const Transfer& transfer, std::string_view base) {
  writer.begin_object();
  writer.field("jobId", transfer.id);
  writer.field("type", to_string(transfer.kind));
  writer.field("status", transfer.status == Status::Queued ? std::string_view("enqueued")
                                                           : to_string(transfer.status));
  writer.field("progress", std::uint64_t{transfer.progress});
  writer.field("startTimeUtc", time_or_never(transfer.started));
  writer.field("endTimeUtc", time_or_never(transfer.ended));
  if (transfer.kind == TransferKind::Import) {
    write_place(writer, base, "inputBlobContainerUri", "inputBlobName", transfer.input);
  }
  write_place(writer, base, "outputBlobContainerUri", "outputBlobName", transfer.output);
  writer.field("excludeKeysInExport", transfer.exclude_keys);
  writer.field("storageAuthenticationType", "keyBased");
  if (!transfer.failure.empty()) writer.field("failureReason", transfer.failure);
  writer.end_object();
}

void write_refusal(Writer& writer, const identity::Name& name, std::string_view code,
                   std::string_view text, std::uint64_t line) {
  writer.begin_object();
  writer.field("deviceId", base::to_utf8(name.device_id));
  if (name.is_module()) writer.field("moduleId", base::to_utf8(name.module_id));
  writer.field("errorCode", code);
  writer.field("errorStatus", base::to_utf8(text));
  writer.field("line", line);
  writer.end_object();
}

}  // namespace hub::jobs
