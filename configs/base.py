"""All fields of a config, with the values of the default (attend) form.

This config is not meant to be trained as it is. Start from `nuclei` or `rosettes`.
"""

from ml_collections import ConfigDict


def get_config():
    config = ConfigDict()
    config.name = "base"  # name of the run; its work folder is runs/NAME unless --workdir is given
    config.seed = 1  # seed of the weights, the samples and the synthetic images

    config.model = ConfigDict()
    config.model.form = "attend"  # the default form; or "paper", the published form
    config.model.channels = 3  # 3: colour; 1: images are converted to grey and stretched by percentiles
    config.model.size = (256, 256)  # height and width of the network's input, pixels
    config.model.steps = 20  # objects per look at most
    config.model.attend = ConfigDict()
    config.model.attend.encoder = "own"  # or "mobilenet_v2", for which `widths` describes only the path back up
    config.model.attend.widths = (32, 64, 96, 128, 128)  # channels at strides 2, 4, 8, ...
    config.model.attend.features = 64  # channels at strides 4 and 8, which attention and recurrence read
    config.model.attend.pixel_features = 16  # channels at stride 2, from which the masks are drawn
    config.model.attend.fine_blocks = 1  # extra convolutions at stride 2, before and after the coarser levels
    config.model.attend.residual_blocks = 0  # extra pairs of convolutions per level from stride 4 on, down and up
    config.model.attend.state = 24  # channels of the ConvLSTM
    config.model.attend.mask_hidden = 12  # hidden units of the small network that draws a mask
    config.model.attend.window = 1.5  # standard deviation of the window around the attended place, in cells of stride 4

    config.model.mobilenet_v2 = ConfigDict()
    config.model.mobilenet_v2.weights = "random"  # or "imagenet" (downloads), or a file; loaded by ris-train

    config.model.paper = ConfigDict()
    config.model.paper.filters = 30  # channels of the encoder and of each ConvLSTM layer
    config.model.paper.layers = 2  # number of ConvLSTM layers
    config.model.paper.reduction = 5  # factor by which the input is reduced before the encoder "leaf"
    config.model.paper.init_range = 0.08  # weights start uniformly distributed in +- this
    config.model.paper.encoder = "leaf"  # four convolutions; or "fcn8s": VGG16 with its levels fused, as for people
    config.model.paper.score_pool = 0  # side to which the state is max-pooled before the score; 0: no pooling

    config.model.fcn8s = ConfigDict()
    config.model.fcn8s.widths = (64, 128, 256, 512, 512)  # channels of VGG16's five blocks
    config.model.fcn8s.dense = 4096  # channels of its two dense layers, which are run as convolutions
    config.model.fcn8s.weights = "random"  # or "imagenet" (downloads), or a file of VGG16 weights; loaded by ris-train

    config.data = ConfigDict()
    config.data.view = "whole"  # resized to fit; or "focus": then a closer look at the objects; or "tiles": cut up
    config.data.max_instances = 32  # per training sample; further objects are left out with a warning
    config.data.min_area = 12  # least visible pixels of an object in a training sample; smaller ones are left out
    config.data.augment = (  # random changes of a sample, in this order; the fields below are their ranges
        *("rotation", "flip", "scale"),  # also available: "flip_vertical", "elastic"
        *("gamma", "contrast", "brightness", "colour", "noise"),  # also available: "invert", "copy_paste", "blur"
    )
    config.data.scale = (0.75, 1.2)  # "whole" and "focus": range of the random scale
    config.data.diameter = (9.0, 40.0)  # "tiles": range of the median object's diameter after random scaling, pixels
    config.data.rotation = 180.0  # largest angle in either direction, degrees
    config.data.shift = 0.1  # "whole" and "focus": largest random shift in either direction, as a share of the view
    config.data.padding = "edge"  # "whole" and "focus": repeats the image's edge; or "mean", ImageNet's mean colour
    config.data.category = ""  # objects to read from COCO, VOC or SBD annotations, such as "person"; "" for all
    config.data.count_power = 0.0  # "whole" and "focus": an image of n objects comes n ** count_power times in an epoch
    config.data.crop_power = 0.5  # "tiles": an image that n crops cover comes n ** crop_power times in an epoch
    config.data.held_out = 0.0  # share of the images, the last by name, that validate if the data has no split val
    config.data.brightness = 0.08  # largest value added or subtracted, as a share of the image's range
    config.data.contrast = 0.25  # the distance from the mean is multiplied by exp(c), c within +- this
    config.data.gamma = 0.2  # values are raised to the power exp(g), g within +- this
    config.data.colour = 0.1  # each channel is multiplied by a factor within 1 +- this
    config.data.noise = 0.03  # largest standard deviation, as a share of the image's range
    config.data.elastic = 6.0  # largest shift in either direction of control points 32 pixels apart, pixels
    config.data.blur = 1.0  # largest standard deviation, pixels
    config.data.invert = 0.5  # probability that an image becomes its negative
    config.data.copy_paste = 0.5  # probability with which each object of another image is pasted
    config.data.extra = ""  # further data sets mixed in, such as "synthetic:discs,synthetic:heaps"
    config.data.extra_share = 0.0  # share of the samples that come from data.extra
    config.data.synthetic_images = 1500  # number of training images made by each synthetic source
    config.data.synthetic_size = 256  # side of synthetic images, pixels
    config.data.memory = 4096  # MiB of images kept in memory; the others are read again each time they are needed

    config.loss = ConfigDict()
    config.loss.score = 1.0  # weight of the scores' cross-entropy
    config.loss.score_target = "uncovered"  # whether any object is left uncovered; or "count": [t <= n], as published
    config.loss.extra_steps = 2  # further steps that are scored, beyond the objects or after the last is covered
    config.loss.matching_attention = 1.0  # weight of the attention inside an object in the matching, beside the IoU
    config.loss.attention = 0.5  # weight of the term that draws attention into objects not yet covered
    config.loss.query = 1.0  # weight of the loss of masks from random places in objects, without the recurrence
    config.loss.queries = 16  # number of such places per image
    config.loss.auxiliary = 1.0  # weight of the loss of the encoder's own foreground and interiors

    config.train = ConfigDict()
    config.train.batch = 4  # images per training step
    config.train.steps = 3000  # training steps, one batch each
    config.train.learning_rate = 1e-3  # of AdamW, after the warm-up
    config.train.final_learning_rate = 0.01  # as a share of learning_rate, reached by a cosine decay
    config.train.warmup = 200  # steps over which the learning rate rises from 0
    config.train.weight_decay = 1e-4  # of AdamW
    config.train.clip_norm = 1.0  # largest norm of the gradient; 0: no limit
    config.train.clip_value = 0.0  # largest size of each of the gradient's elements; 0: no limit
    config.train.ema = 0.995  # momentum of the weights' average, which is kept; less in a short run; 0: no average
    config.train.forcing = (1.0, 0.0)  # probability of teacher-forced coverage, at the start and at the end
    config.train.forcing_until = 0.3  # share of the steps over which this probability changes
    config.train.midway = 0.0  # share of the samples in which a random part of the objects is covered at the start
    config.train.unroll = 0  # steps of the recurrence in training; 0: model.steps
    config.train.freeze = ""  # parts that are not trained: any two of "encoder", "recurrence" and "mask", with commas
    config.train.precision = "auto"  # the faster of "float32" and "mixed_bfloat16"; or one of these, or "mixed_float16"
    config.train.matcher = "scipy"  # SciPy on the host; or "graph", in TensorFlow
    config.train.jit_compile = False  # compile with XLA; with the graph matcher the whole step is one program
    config.train.recompute = False  # compute each step's activations again in the gradient: less memory, more time
    config.train.deterministic = False  # bitwise repeatable runs, on one device
    config.train.distribute = "one"  # one device; or "mirrored", this machine's GPUs; or "workers", listed in TF_CONFIG
    config.train.evaluate_every = 250  # steps between measurements of validation images, and between checkpoints
    config.train.validation_images = 24  # number of whole images that are measured each time
    config.train.evaluate_start = True  # with --init, measure its weights, too; they may be the best
    config.train.validation_extra = False  # whether data.extra provides its share of these images

    config.curriculum = ConfigDict()
    config.curriculum.start = 0  # steps of the recurrence at the start; 0: no curriculum
    config.curriculum.increase = 1  # steps added when the smoothed loss stops falling
    config.curriculum.smoothing = 0.98  # weight of earlier values in the smoothed loss, per training step
    config.curriculum.tolerance = 0.01  # a smaller fall of the loss does not count
    config.curriculum.patience = 100  # training steps without a fall before steps are added

    config.predict = ConfigDict()
    config.predict.score_threshold = 0.5  # the first score that is not above it ends the count
    config.predict.mask_threshold = 0.5  # a pixel can belong to an object if its probability is above it
    config.predict.overlap_rule = "best"  # a pixel claimed twice goes to the "best" probability or the "first" instance
    config.predict.min_visible = 0.5  # an instance with less of its mask unclaimed is dropped as a repetition
    config.predict.orientations = 1  # number of mirrored and rotated looks: 1, 2, 4 or 8; most of them must agree
    config.predict.min_area = 12  # least area of an object, image pixels
    config.predict.count_spread = 0.0  # 9 in 10 true counts lie within count +- this * sqrt(count); 0: not known
    config.predict.overlap = 40  # "tiles": width that neighbouring tiles share, network pixels
    config.predict.diameter = 24.0  # "tiles": diameter to which the zoom brings the typical object, network pixels
    config.predict.zoom_limits = (0.25, 4.0)  # network pixels per image pixel; for "focus" only the largest counts

    config.predict.crf = ConfigDict()  # refinement by a fully connected CRF, with --crf; tuned on synthetic rosettes
    config.predict.crf.iterations = 2  # iterations of mean field
    config.predict.crf.smooth_weight = 0.21  # weight of the kernel of distance only
    config.predict.crf.smooth_distance = 4.8  # its standard deviation, pixels
    config.predict.crf.bilateral_weight = 1.1  # weight of the kernel of distance and colour
    config.predict.crf.bilateral_distance = 5.2  # its standard deviation in distance, pixels
    config.predict.crf.bilateral_colour = 0.15  # its standard deviation in colour, in values of the normalised image
    return config
