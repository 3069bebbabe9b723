"""Fields that every config has, with the values of the default (attend) form.

Not meant to be trained as it is: start from `nuclei` or `rosettes`.
"""

from ml_collections import ConfigDict


def get_config():
    config = ConfigDict()
    config.name = "base"  # of the run; its work folder is runs/NAME unless --workdir says otherwise
    config.seed = 1  # of weights, samples and drawn images

    config.model = ConfigDict()
    config.model.form = "attend"  # or "paper"
    config.model.channels = 3  # 1: images are made grey and stretched by percentiles
    config.model.size = (256, 256)  # height, width of the network's input, pixels
    config.model.steps = 20  # objects per look at most
    config.model.attend = ConfigDict()
    config.model.attend.encoder = "own"  # or "mobilenet_v2"; `widths` are then those of the path back up
    config.model.attend.widths = (32, 64, 96, 128, 128)  # channels at strides 2, 4, 8, ...
    config.model.attend.features = 64  # channels at strides 4 and 8, which attention and recurrence read
    config.model.attend.pixel_features = 16  # channels at stride 2, which the masks are drawn from
    config.model.attend.fine_blocks = 1  # further convolutions at stride 2, before and after the coarser levels
    config.model.attend.residual_blocks = 0  # pairs of convolutions more at each level from stride 4 on, down and up
    config.model.attend.state = 24  # channels of the ConvLSTM
    config.model.attend.mask_hidden = 12  # hidden units of the small network that draws a mask
    config.model.attend.window = 1.5  # cells of stride 4

    config.model.mobilenet_v2 = ConfigDict()
    config.model.mobilenet_v2.weights = "random"  # or "imagenet" (downloads), or a file; read by ris-train

    config.model.paper = ConfigDict()
    config.model.paper.filters = 30  # channels of the encoder and of each ConvLSTM layer
    config.model.paper.layers = 2  # of ConvLSTM
    config.model.paper.reduction = 5  # fixed reduction of the input
    config.model.paper.init_range = 0.08  # weights start uniform in +- this
    config.model.paper.encoder = "leaf"  # four convolutions; or "fcn8s", VGG16 with its levels fused, as for people
    config.model.paper.score_pool = 0  # side that the state is max-pooled to before the score; 0: the whole state

    config.model.fcn8s = ConfigDict()
    config.model.fcn8s.widths = (64, 128, 256, 512, 512)  # channels of VGG16's five blocks
    config.model.fcn8s.dense = 4096  # channels of its two dense layers, run as convolutions
    config.model.fcn8s.weights = "random"  # or "imagenet" (downloads), or a file of VGG16 weights; read by ris-train

    config.data = ConfigDict()
    config.data.view = "whole"  # "whole": resized to fit; "focus": then the box around all objects; "tiles": cut up
    config.data.max_instances = 32  # per training sample; more are left out with a warning
    config.data.min_area = 12  # visible pixels of the training sample that make an object
    config.data.augment = (  # random changes of a sample, in this order; the fields below are their ranges
        *("rotation", "flip", "scale"),  # also "flip_vertical", "elastic"
        *("gamma", "contrast", "brightness", "colour", "noise"),  # also "invert", "copy_paste", "blur"
    )
    config.data.scale = (0.75, 1.2)  # "whole" and "focus": random scale
    config.data.diameter = (9.0, 40.0)  # "tiles": range of the median object's diameter after random scaling, pixels
    config.data.rotation = 180.0  # degrees, +-
    config.data.shift = 0.1  # "whole" and "focus": random shift as a share of the view, +-
    config.data.padding = "edge"  # "whole" and "focus": its edge goes on beside an image; or "mean", ImageNet's colour
    config.data.category = ""  # whose objects are read of COCO, VOC or SBD annotations, such as "person"; "" for all
    config.data.count_power = 0.0  # "whole" and "focus": an epoch has an image of n objects n ** count_power times
    config.data.crop_power = 0.5  # "tiles": an epoch has an image that n crops cover n ** crop_power times
    config.data.held_out = 0.0  # of data without a split val: share of the images, the last by name, for it
    config.data.brightness = 0.08  # of the image's range, added, +-
    config.data.contrast = 0.25  # factor exp(+- this) about the mean
    config.data.gamma = 0.2  # power exp(+- this)
    config.data.colour = 0.1  # factor 1 +- this for each channel
    config.data.noise = 0.03  # largest standard deviation, of the image's range
    config.data.elastic = 6.0  # pixels that control points 32 pixels apart move by, +-
    config.data.blur = 1.0  # largest standard deviation, pixels
    config.data.invert = 0.5  # probability that an image becomes its negative
    config.data.copy_paste = 0.5  # probability that an object of another image is pasted
    config.data.extra = ""  # further data sets mixed in, such as "synthetic:discs,synthetic:heaps"
    config.data.extra_share = 0.0  # of the samples
    config.data.synthetic_images = 1500  # that a synthetic source draws for training
    config.data.synthetic_size = 256  # side of these images, pixels
    config.data.memory = 4096  # MiB of images kept in memory; those beyond are read again whenever they are drawn

    config.loss = ConfigDict()
    config.loss.score = 1.0  # weight of the scores' cross-entropy
    config.loss.score_target = "uncovered"  # or "count": [t <= n], as published
    config.loss.extra_steps = 2  # that are still scored, beyond the objects or after the last is covered
    config.loss.matching_attention = 1.0  # weight of attention mass in the matching, beside IoU
    config.loss.attention = 0.5  # weight: attention falls inside objects not yet covered
    config.loss.query = 1.0  # weight: masks from random places in objects, without the recurrence
    config.loss.queries = 16  # such places an image
    config.loss.auxiliary = 1.0  # weight: the encoder predicts foreground and interiors

    config.train = ConfigDict()
    config.train.batch = 4  # images
    config.train.steps = 3000  # batches
    config.train.learning_rate = 1e-3  # of AdamW, after the warm-up
    config.train.final_learning_rate = 0.01  # as a share of learning_rate, reached by a cosine
    config.train.warmup = 200  # steps
    config.train.weight_decay = 1e-4  # of AdamW
    config.train.clip_norm = 1.0  # largest norm of the gradient; 0 for none
    config.train.clip_value = 0.0  # element-wise; 0 for none
    config.train.ema = 0.995  # momentum of the weights' average, which is what is kept; 0 for none
    config.train.forcing = (1.0, 0.0)  # teacher-forced coverage, from and to
    config.train.forcing_until = 0.3  # share of the steps
    config.train.unroll = 0  # steps of the recurrence in training; 0: model.steps
    config.train.precision = "auto"  # the faster of the next two; or "float32", "mixed_bfloat16", "mixed_float16"
    config.train.matcher = "scipy"  # on the host; or "graph", in TensorFlow
    config.train.jit_compile = False  # XLA; with the graph matcher the whole step is one program
    config.train.recompute = False  # trade time for memory: each step's activations are computed again backwards
    config.train.deterministic = False  # bitwise repeatable, on one device
    config.train.distribute = "one"  # device; or "mirrored", this machine's GPUs; or "workers", see TF_CONFIG
    config.train.evaluate_every = 250  # steps; also the interval of checkpoints
    config.train.validation_images = 24  # measured as whole images at that interval
    config.train.validation_extra = False  # whether data.extra has its share of these

    config.curriculum = ConfigDict()
    config.curriculum.start = 0  # steps of the recurrence at first; 0: no curriculum
    config.curriculum.increase = 1  # steps added when the smoothed loss stops falling
    config.curriculum.smoothing = 0.98  # of the loss, per training step
    config.curriculum.tolerance = 0.01  # a fall by less counts as none
    config.curriculum.patience = 100  # training steps without a fall

    config.predict = ConfigDict()
    config.predict.score_threshold = 0.5  # the first score not above it ends the count
    config.predict.mask_threshold = 0.5  # least probability of a pixel of an object
    config.predict.overlap_rule = "best"  # a pixel claimed twice: "best" probability, or the "first" instance
    config.predict.min_visible = 0.5  # an instance with less of its mask unclaimed repeats another and is dropped
    config.predict.orientations = 1  # ways to look at an image, mirrored and turned: 1, 2, 4 or 8; most must agree
    config.predict.min_area = 12  # "tiles": image pixels
    config.predict.overlap = 40  # "tiles": network pixels that neighbouring tiles share
    config.predict.diameter = 24.0  # "tiles": the zoom brings the typical object to this diameter, network pixels
    config.predict.zoom_limits = (0.25, 4.0)  # "tiles": network pixels per image pixel

    config.predict.crf = ConfigDict()  # refinement by a fully connected CRF, with --crf; searched on drawn rosettes
    config.predict.crf.iterations = 2  # of mean field
    config.predict.crf.smooth_weight = 0.21  # of nearness alone
    config.predict.crf.smooth_distance = 4.8  # pixels
    config.predict.crf.bilateral_weight = 1.1  # of nearness and like colour
    config.predict.crf.bilateral_distance = 5.2  # pixels
    config.predict.crf.bilateral_colour = 0.15  # of the normalised image
    return config
