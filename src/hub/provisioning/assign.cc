#include "hub/provisioning/assign.h"

namespace hub::provisioning {

using base::Code;
using identity::Identity;
using identity::Name;

namespace {

constexpr const char* kInitial = "initialAssignment";
constexpr const char* kReset = "deviceDataReset";

std::unexpected<NotAssigned> not_assigned(const base::Error& error) {
  NotAssigned why;
  why.detail = error.to_string();
  why.message = "the hub cannot make the identity now";
  switch (error.code) {
    case Code::Full:
      why.code = 403002;
      why.message = "the hub takes no more devices";
      break;
    case Code::Invalid:
      why.code = 400004;
      why.message = error.detail;
      break;
    case Code::Unavailable:
      why.code = 503001;
      break;
    default:
      break;
  }
  return std::unexpected(std::move(why));
}

bool same_proof(const Identity& identity, const Grant& grant) {
  return identity.keys.primary == grant.keys.primary &&
         identity.keys.secondary == grant.keys.secondary &&
         identity.thumbprints.primary == grant.thumbprints.primary &&
         identity.thumbprints.secondary == grant.thumbprints.secondary;
}

// One device on its way to its identity.
class Step {
 public:
  Step(const Grant& grant, const Enrollment& enrollment, const std::optional<Registration>& former,
       identity::Registry& registry, twins::Twins& twins)
      : grant_(grant),
        enrollment_(enrollment),
        former_(former),
        registry_(registry),
        twins_(twins),
        actor_(name_of(enrollment.kind, enrollment.id)) {
    // What the device is called stays, however its registration id is spelled this time.
    if (own()) name_.device_id = former->device_id;
    if (enrollment.kind == Kind::Individual)
      name_.device_id = enrollment.device_id.empty() ? enrollment.id : enrollment.device_id;
    if (name_.device_id.empty()) name_.device_id = grant.registration_id;
  }

  std::expected<Assignment, NotAssigned> run() {
    if (own() && !enrollment_.update_assignment)
      return Assignment{former_->device_id, former_->substatus};
    const auto identity = registry_.get(name_);
    if (!identity && identity.error().code != Code::NotFound) return not_assigned(identity.error());
    return identity ? renew(*identity) : create();
  }

 private:
  // This enrollment assigned it before, whatever became of later tries.
  bool own() const {
    return former_ && !former_->device_id.empty() && former_->kind == enrollment_.kind &&
           former_->enrollment_id == enrollment_.id;
  }

  std::expected<Assignment, NotAssigned> create() {
    identity::NewIdentity wanted;
    wanted.name = name_;
    wanted.keys = grant_.keys;
    wanted.thumbprints = grant_.thumbprints;
    if (const auto created = registry_.create(wanted, actor_); !created)
      return not_assigned(created.error());
    return with_initial_twin(kInitial);
  }

  std::expected<Assignment, NotAssigned> renew(const Identity& identity) {
    const bool same = same_proof(identity, grant_);
    if (!same && !own() && enrollment_.kind == Kind::Group) {
      const std::string message =
          "the hub has a device '" + name_.device_id + "' that this enrollment group did not make";
      return std::unexpected(NotAssigned{409201, message, message});
    }
    if (!same) {
      if (const auto changed = change_proof(identity); !changed)
        return not_assigned(changed.error());
    }
    if (own() && !enrollment_.migrate_data) return with_initial_twin(kReset);
    if (!own()) {
      // Made, but perhaps a crash came before its twin.
      const auto twin = twins_.get(name_);
      if (!twin) return not_assigned(twin.error());
      if (twin->version == 1) return with_initial_twin(kInitial);
    }
    return Assignment{name_.device_id, own() ? former_->substatus : kInitial};
  }

  base::Result<void> change_proof(const Identity& identity) {
    identity::Change change;
    if (!grant_.thumbprints.primary.empty()) {
      change.thumbprints = grant_.thumbprints;
      TRY(registry_.update(name_, change, actor_));
      return {};
    }
    if (!identity.thumbprints.primary.empty()) {
      // By keys from now on, and then by these.
      change.thumbprints = identity::Thumbprints{};
      TRY(registry_.update(name_, change, actor_));
      change.thumbprints.reset();
    }
    change.primary_key = grant_.keys.primary;
    change.secondary_key = grant_.keys.secondary;
    TRY(registry_.update(name_, change, actor_));
    return {};
  }

  std::expected<Assignment, NotAssigned> with_initial_twin(const char* substatus) {
    const bool reset = substatus == std::string_view(kReset);
    const bool empty =
        enrollment_.tags.if_object()->empty() && enrollment_.desired.if_object()->empty();
    if (empty && !reset) return Assignment{name_.device_id, substatus};
    twins::Update update;
    update.mode = twins::Update::Mode::Replace;
    update.tags = enrollment_.tags;
    update.desired = enrollment_.desired;
    if (const auto updated = twins_.update(name_, update, actor_); !updated)
      return not_assigned(updated.error());
    return Assignment{name_.device_id, substatus};
  }

  const Grant& grant_;
  const Enrollment& enrollment_;
  const std::optional<Registration>& former_;
  identity::Registry& registry_;
  twins::Twins& twins_;
  const std::string actor_;
  Name name_;
};

}  // namespace

std::expected<Assignment, NotAssigned> assign(const Grant& grant, const Enrollment& enrollment,
                                              const std::optional<Registration>& former,
                                              identity::Registry& registry, twins::Twins& twins) {
  return Step(grant, enrollment, former, registry, twins).run();
}

}  // namespace hub::provisioning
